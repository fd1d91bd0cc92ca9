-- An idempotency key has its job for seven days, and for as long as the job lives: one that was due later than
-- that, or failed for longer, was made a second time. See also insert.sql.
-- Locks: none.

-- The job, or the letter, that has an idempotency key; null: none that can be seen from here. $1 tenant, $2 type,
-- $3 key. Whoever may add letters and no more sees none.
-- A letter of another type is none: it may be of no type at all, and become a dead letter. One of the same type may
-- become one too, by its payload or its options, which only a driver can check: then its id is that of a dead letter.
create or replace function perdura.key_holder(tenant text, type text, key text)
returns uuid language plpgsql stable as $$
declare
  holder uuid;
  is_over boolean;
begin
  if not (has_table_privilege('perdura.unique_key', 'select')
          and has_table_privilege('perdura.inbox', 'select')) then
    return null;
  end if;
  select u.job_id, u.expires_at < now() into holder, is_over from perdura.unique_key u
   where u.tenant_id = $1 and u.key = $3;
  if is_over then
    if not has_table_privilege('perdura.job', 'select') then
      holder := null;
    elsif not exists (select from perdura.job j where j.tenant_id = $1 and j.id = holder) then
      holder := null;
    end if;
  end if;
  if holder is null then
    -- The first letter is the one that becomes the job.
    with matches as materialized ( -- by the key alone: the index of tenants and ids holds the whole inbox
      select m.tenant_id, m.id, m.type from perdura.inbox m where m.options ->> 'idempotencyKey' = $3)
    select m.id into holder from matches m where m.tenant_id = $1 and m.type = $2 order by m.id limit 1;
  end if;
  return holder;
end $$;
