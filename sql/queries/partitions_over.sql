-- The DDL that drops partitions in which nothing is to be kept. $1 codes of the states that the archive
-- holds (array), $2 the code under which the policy of the history stands, $3 keys to let go of at once.
-- Locks: nothing here. The DDL locks the partition and its parent, ACCESS EXCLUSIVE; it waits 100 ms at most.
-- Index: none; there are as many partitions as days.
-- The archive: every state has an age for all tenants and types, and no policy a longer one or none; then
-- the longest age counts, and the last end of a job in the partition. Its jobs leave the counters, and the
-- summary keeps them where the policy says so. Their idempotency keys go first, so many at a time: a key without
-- its job would refuse every other one. Payloads, outputs, steps and logs go when the archive of their day has
-- gone and no job of that day is left. History: its own policy.
with day as (
  select c.relname as name, regexp_replace(c.relname, '_\d{8}$', '') as parent,
         to_date(right(c.relname, 8), 'YYYYMMDD') as d
    from pg_inherits h join pg_class c on c.oid = h.inhrelid join pg_class p on p.oid = h.inhparent
   where c.relnamespace = 'perdura'::regnamespace and c.relname ~ '_\d{8}$'
     and p.relname in ('job_archive', 'job_data', 'step', 'job_log', 'transition', 'actor_step')),
ages as (
  select case when count(*) filter (where tenant_id = '*' and type = '*') = cardinality($1::smallint[])
               and count(*) = count(max_age_ms) then max(max_age_ms) end as ms
    from perdura.retention where state = any($1::smallint[])),
history as (select max_age_ms as ms from perdura.retention where tenant_id = '*' and type = '*' and state = $2::smallint),
edge as (
  select day.*, day.d + 1 as next,
         case when parent in ('transition', 'actor_step') then (select ms from history)
              when parent = 'job_archive' then (select ms from ages)
              when to_regclass('perdura.job_archive_' || right(name, 8)) is null then 0 end as ms
    from day),
over as (
  select *, regexp_replace(lpad(to_hex((extract(epoch from d::timestamp at time zone 'utc') * 1000)::bigint), 12, '0'),
                           '^(.{8})(.{4})$', '\1-\2-0000-0000-000000000000') as lo,
         regexp_replace(lpad(to_hex((extract(epoch from next::timestamp at time zone 'utc') * 1000)::bigint), 12, '0'),
                        '^(.{8})(.{4})$', '\1-\2-0000-0000-000000000000') as hi
    from edge
   where next::timestamp at time zone 'utc' < now() - ms * interval '1 millisecond'
     and next < (now() at time zone 'utc')::date)
select case
  when parent in ('transition', 'actor_step') then format($ddl$
do $$ begin
  set local lock_timeout = '100ms';
  drop table perdura.%1$I;
end $$$ddl$, name)
  when parent = 'job_archive' then format($ddl$
do $$
declare
  released integer;
begin
  set local lock_timeout = '100ms';
  if exists (select from perdura.%1$I
              where finished_at >= now() - %2$s * interval '1 millisecond') then
    return;
  end if;
  delete from perdura.unique_key u using ( -- by its job: who takes the key meanwhile keeps it
    select k.tenant_id, k.key, k.job_id from perdura.%1$I a
      join perdura.unique_key k on k.tenant_id = a.tenant_id and k.key = a.idempotency_key and k.job_id = a.id
     limit %3$s) as own
   where u.tenant_id = own.tenant_id and u.key = own.key and u.job_id = own.job_id;
  get diagnostics released = row_count;
  if released = %3$s then
    return;
  end if;
  lock table perdura.job_archive in share update exclusive mode;
  lock table perdura.%1$I in access exclusive mode;
  if not exists (select from perdura.%1$I
                  where finished_at >= now() - %2$s * interval '1 millisecond') then
    insert into perdura.counter_delta (tenant_id, queue, from_state, n)
    select tenant_id, queue, state, count(*) from perdura.%1$I group by 1, 2, 3;
    insert into perdura.job_summary as s (tenant_id, day, type, queue, state, n)
    select a.tenant_id, (a.finished_at at time zone 'utc')::date, a.type, a.queue, a.state, count(*)
      from perdura.%1$I a
      cross join lateral (
        select r.keeps_summary from perdura.retention r
         where r.tenant_id in (a.tenant_id, '*') and r.type in (a.type, '*') and r.state = a.state
         order by r.tenant_id = '*', r.type = '*' limit 1) r
     where r.keeps_summary group by 1, 2, 3, 4, 5
    on conflict (tenant_id, day, type, queue, state) do update set n = s.n + excluded.n;
    drop table perdura.%1$I;
  end if;
end $$$ddl$, name, ms, $3::integer)
  else format($ddl$
do $$ begin
  set local lock_timeout = '100ms';
  if not exists (select from perdura.any_job where id >= %2$L and id < %3$L) then
    drop table perdura.%1$I;
  end if;
end $$$ddl$, name, lo, hi) end as ddl
  from over
 order by parent, d
