-- When the next waiting job of some types comes due, in milliseconds from now (0: it is due already).
-- $1 from-states of a claim (array), $2 types (array literal), $3 queues (array literal, null: all),
-- $4 partition key (null: all), $5 lanes to leave out (array literal).
-- What has to pass a paused gate waits for more than time, and is passed over.
-- Locks: nothing.
-- Index: gate is a few pages; job_claim, one probe per (lane, priority); running jobs ahead of the first waiting one are read.
with recursive s as (
  (select tenant_id, lane, priority, queue, type, partition_key, limit_key, ordering_key
     from perdura.job order by tenant_id, lane, priority limit 1)
  union all
  select n.* from s cross join lateral (
    select tenant_id, lane, priority, queue, type, partition_key, limit_key, ordering_key
      from perdura.job j
     where (j.tenant_id, j.lane, j.priority) > (s.tenant_id, s.lane, s.priority)
     order by tenant_id, lane, priority limit 1) n)
select case when min(d.run_at) is not null
            then greatest(0, ceil(extract(epoch from min(d.run_at) - now()) * 1000)) end::float8 as ms
  from s cross join lateral (
    select j.run_at from perdura.job j
     where j.tenant_id = s.tenant_id and j.lane = s.lane and j.priority = s.priority
       and j.state = any($1::smallint[])
     order by j.run_at, j.id limit 1) d
 where not exists (
         select from perdura.gate g
          where g.paused_at is not null and g.tenant_id in (s.tenant_id, '*')
            and g.name = case g.kind when 0 then '' when 1 then s.queue when 2 then s.type else s.limit_key end)
   and (s.ordering_key is null or s.lane & 1 = 0)
   and s.type = any($2::text[]) and ($3::text[] is null or s.queue = any($3::text[]))
   and ($4::text is null or s.partition_key = $4::text)
   and s.lane <> all($5::bigint[])
