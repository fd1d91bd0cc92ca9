-- Per queue, how long the oldest waiting job has been due. $1 from-states of a claim (array), $2 how many
-- (lane, priority) to look at.
-- What has to pass a paused gate waits for an operator, not for workers, and is passed over.
-- Locks: nothing. Index: gate is a few pages; job_claim, two probes per (lane, priority).
with recursive s as (
  (select tenant_id, lane, priority, queue, type, 1 as n
     from perdura.job order by tenant_id, lane, priority limit 1)
  union all
  select n.*, s.n + 1 from s cross join lateral (
    select tenant_id, lane, priority, queue, type
      from perdura.job j
     where (j.tenant_id, j.lane, j.priority) > (s.tenant_id, s.lane, s.priority)
     order by tenant_id, lane, priority limit 1) n
   where s.n < $2::integer)
select s.queue as q,
       extract(epoch from greatest(now() - min(d.run_at), interval '0'))::float8 as seconds
  from s cross join lateral (
    select j.run_at from perdura.job j
     where j.tenant_id = s.tenant_id and j.lane = s.lane and j.priority = s.priority
       and j.state = any($1::smallint[]) and j.run_at <= now()
     order by j.run_at, j.id limit 1) d
 where not exists (
         select from perdura.gate g
          where g.paused_at is not null and g.tenant_id in (s.tenant_id, '*')
            and g.name = case g.kind when 0 then '' when 1 then s.queue else s.type end)
 group by s.queue order by seconds desc
