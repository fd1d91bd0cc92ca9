-- The DDL of partitions that are missing for yesterday and the days ahead. $1 days ahead.
-- Locks: nothing here. The DDL makes a table and attaches it: SHARE UPDATE EXCLUSIVE on the parent,
-- ACCESS EXCLUSIVE on its default partition; it waits 100 ms at most, and enqueues wait no longer.
-- Few statistics are taken of a partition: it is read by its keys, and to sample 30,000 wide rows each
-- time that it has grown by a tenth cost a third of a second each time.
-- Index: none. Tables by id are bounded by the time inside a UUIDv7, the history by its own time.
with day as (
  select d::date as d
    from generate_series(
      (now() at time zone 'utc')::date - 1,
      (now() at time zone 'utc')::date + $1::integer, interval '1 day') as d),
parent (name, by_id) as (
  values ('job_archive', true), ('job_data', true), ('step', true), ('transition', false),
         ('actor_step', false), ('job_log', true)),
bound as (
  select name, by_id, d, (d + n)::timestamp at time zone 'utc' as at, n
    from parent cross join day cross join (values (0), (1)) as edge (n)),
edge as (
  select name, d, n,
         case when by_id
              then regexp_replace(
                     lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0'),
                     '^(.{8})(.{4})$', '\1-\2-0000-0000-000000000000')
              else at::text end as value
    from bound)
select format($ddl$
do $$ begin
  set local lock_timeout = '100ms';
  create table perdura.%1$I (like perdura.%2$I including all);
  alter table perdura.%1$I %5$s;
  alter table perdura.%2$I attach partition perdura.%1$I for values from (%3$L) to (%4$L);
end $$$ddl$, lo.name || to_char(lo.d, '_YYYYMMDD'), lo.name, lo.value, hi.value,
  (select string_agg(format('alter column %I set statistics 10', attname), ', ' order by attnum)
     from pg_catalog.pg_attribute
    where attrelid = ('perdura.' || lo.name)::regclass and attnum > 0 and not attisdropped)) as ddl
  from edge lo join edge hi on hi.name = lo.name and hi.d = lo.d and lo.n = 0 and hi.n = 1
 where to_regclass('perdura.' || lo.name || to_char(lo.d, '_YYYYMMDD')) is null
 order by lo.name, lo.d
