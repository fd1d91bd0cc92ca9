-- Jobs whose lease is over. $1 how many leases.
-- Locks: the lease rows, FOR UPDATE SKIP LOCKED, while it reads: a lease that is locked is being
-- committed by its worker, which may be frozen in the middle of it; nobody else waits for that.
-- commit.sql re-checks version and expiry inside its update.
-- Index: primary key of job, per key of the lease; lease itself is a handful of rows.
-- A lease whose jobs are all gone comes back with nulls.
select le.id as l, le.worker as w, j.tenant_id as t, j.id as i, j.version as v, j.state as s,
       j.type as k, j.queue as q, j.attempt as a, j.max_attempts as ma, j.crashes as cr, j.max_crashes as mc,
       j.cancel_requested_at is not null as cs
  from (select * from perdura.lease where expires_at < now()
         order by expires_at, id limit $1::integer for update skip locked) le
  left join lateral (
    select j.* from unnest(le.tenants, le.ids) as x(t, i)
      join perdura.job j on j.tenant_id = x.t and j.id = x.i
     where j.lease_id = le.id) j on true
