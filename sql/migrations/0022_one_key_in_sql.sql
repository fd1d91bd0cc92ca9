-- perdura.enqueue() with an idempotency key gives the id of the job that has it, as `POST /jobs` does: an id
-- made anew would be nobody's, since no job is made of it.
-- Locks: inbox while the index is made, which reads it once.

-- Letters by the key that they ask for. A hash: any length comes in here, and is told of later.
create index inbox_key on perdura.inbox using hash ((options ->> 'idempotencyKey'))
  where options ->> 'idempotencyKey' is not null;

-- The job, or the letter, that has an idempotency key; null: none that can be seen from here. $1 tenant, $2 type,
-- $3 key. Whoever may add letters and no more sees none.
-- A letter of another type is none: it may be of no type at all, and become a dead letter. One of the same type may
-- become one too, by its payload or its options, which only a driver can check: then its id is that of a dead letter.
create function perdura.key_holder(tenant text, type text, key text)
returns uuid language plpgsql stable as $$
declare holder uuid;
begin
  if not (has_table_privilege('perdura.unique_key', 'select')
          and has_table_privilege('perdura.inbox', 'select')) then
    return null;
  end if;
  select u.job_id into holder from perdura.unique_key u
   where u.tenant_id = $1 and u.key = $3 and u.expires_at >= now();
  if holder is null then
    -- The first letter is the one that becomes the job.
    with matches as materialized ( -- by the key alone: the index of tenants and ids holds the whole inbox
      select m.tenant_id, m.id, m.type from perdura.inbox m where m.options ->> 'idempotencyKey' = $3)
    select m.id into holder from matches m where m.tenant_id = $1 and m.type = $2 order by m.id limit 1;
  end if;
  return holder;
end $$;

-- Ask for a job: $1 type, $2 payload, $3 the options of `POST /jobs` (tenantId, delayMs, priority, …).
-- Gives the id that the job will have, or that of the job which has its idempotency key: then nothing is added.
-- A strict one is always added: if its key is another's, it becomes a dead letter. The row commits with the
-- caller's transaction; a driver makes the job from it soon after. What cannot become a job becomes a dead
-- letter, with the reason.
create or replace function perdura.enqueue(
  type text, payload jsonb default '{}', options jsonb default '{}')
returns uuid language plpgsql volatile as $$
declare
  -- What is no name of a tenant is the default tenant's mistake.
  tenant text := case when $3 ->> 'tenantId' ~ '^[A-Za-z0-9_][A-Za-z0-9_.:@/-]{0,127}$'
                      then $3 ->> 'tenantId' else 'default' end;
  random text := replace(gen_random_uuid()::text, '-', '');
  made uuid;
begin
  if jsonb_typeof($3 -> 'idempotencyKey') = 'string' and $3 ->> 'idempotency' is distinct from 'strict' then
    made := perdura.key_holder(tenant, $1, $3 ->> 'idempotencyKey');
    if made is not null then
      return made;
    end if;
  end if;
  made := (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
    || substr(random, 14, 3) || substr(random, 17, 13)
    || lpad(to_hex(perdura.tenant_tag(tenant)), 3, '0'))::uuid;
  insert into perdura.inbox (tenant_id, id, type, payload, options)
  values (tenant, made, $1, $2, coalesce($3, '{}'));
  return made;
end $$;
