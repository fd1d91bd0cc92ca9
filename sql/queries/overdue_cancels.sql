-- Cancel requests that a running handler has not honoured in time. $1 grace ms, $2 how many.
-- Locks: nothing; commit.sql guards by version. Index: primary keys; cancel_request is small.
-- A request whose job moved on comes back with a null version, to be deleted.
select c.tenant_id as t, c.job_id as i, c.lease_id as l, j.version as v, j.state as s,
       j.type as k, j.queue as q, j.attempt as a, j.max_attempts as ma, j.crashes as cr, j.max_crashes as mc
  from perdura.cancel_request c
  left join perdura.job j
    on j.tenant_id = c.tenant_id and j.id = c.job_id and j.version = c.version
 where c.requested_at < now() - $1::integer * interval '1 millisecond'
 order by c.requested_at limit $2::integer
