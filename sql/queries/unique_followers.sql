-- Holders of keys that wait for the end of a job that is no longer live. $1 how many.
-- Locks: nothing.
-- Index: unique_lock_waiting; primary key of job.
select u.tenant_id as t, u.key, u.job_id as i, u.n
  from perdura.unique_lock u
 where u.waits_for is not null
   and not exists (select from perdura.job j where j.tenant_id = u.tenant_id and j.id = u.waits_for)
 order by u.tenant_id, u.key limit $1
