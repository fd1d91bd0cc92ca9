-- Tell the first jobs of keys that they are: those that were not told by the end of the job before. $1 how many keys
-- at most.
-- Locks: the rows of vacancy, then the job rows, SKIP LOCKED both.
-- Index: primary keys of place and job.
-- The smallest place of a key in any snapshot is its first, and stays it until it leaves: so this may run at any
-- time, any number of times at once. A job whose row is held is looked at again.
-- Returns the lanes in which jobs may start now.
with todo as materialized (
  delete from perdura.vacancy v
   where v.ctid = any(array(select ctid from perdura.vacancy limit $1::integer for update skip locked))
  returning v.tenant_id, v.key),
next as materialized (
  select t.tenant_id, t.key, p.job_id
    from (select distinct tenant_id, key from todo) t
    cross join lateral (
      select p.job_id from perdura.place p
       where p.tenant_id = t.tenant_id and p.key = t.key order by p.batch, p.n limit 1) p),
parked as materialized (
  select j.tenant_id, j.id, n.key from next n
    join perdura.job j on j.tenant_id = any(array[n.tenant_id]) and j.id = n.job_id where j.lane & 1 = 1),
ready as materialized (
  select j.tenant_id, j.id from parked p
    join perdura.job j on j.tenant_id = any(array[p.tenant_id]) and j.id = p.id
   order by p.tenant_id, p.id for update of j skip locked),
led as (
  update perdura.job j set lane = j.lane - 1 from ready r
   where j.tenant_id = any(array[r.tenant_id]) and j.id = r.id and j.lane & 1 = 1
  returning j.tenant_id, j.lane, j.priority, j.queue, j.type, j.partition_key, j.limit_key),
again as (
  insert into perdura.vacancy (tenant_id, key)
  select p.tenant_id, p.key from parked p
   where not exists (select from ready r where r.tenant_id = p.tenant_id and r.id = p.id))
select distinct tenant_id as t, lane as l, priority as p, queue as q, type as k, partition_key as part,
       limit_key as lk, true as ordered
  from led
