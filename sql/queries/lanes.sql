-- All (lane, priority) that have a live job, by a loose scan of the claim index. No parameters.
-- Locks: nothing. Index: job_claim, one probe per (lane, priority), whatever the number of jobs: from the end of
-- each, where the newest are. At its head are the index entries of all that was claimed and has ended.
-- Cached per process and refreshed; a lane's names are those of any of its jobs. Odd lanes of jobs with an
-- ordering key are of those that are not the first of their key: nobody asks there.
with recursive s as (
  (select tenant_id, lane, priority, queue, type, partition_key, limit_key, ordering_key
     from perdura.job order by tenant_id desc, lane desc, priority desc limit 1)
  union all
  select n.* from s cross join lateral (
    select tenant_id, lane, priority, queue, type, partition_key, limit_key, ordering_key
      from perdura.job j
     where (j.tenant_id, j.lane, j.priority) < (s.tenant_id, s.lane, s.priority)
     order by tenant_id desc, lane desc, priority desc limit 1) n)
select tenant_id as t, lane as l, priority as p, queue as q, type as k, partition_key as part, limit_key as lk,
       ordering_key is not null as ordered
  from s
 where ordering_key is null or lane & 1 = 0
 order by tenant_id, lane, priority
