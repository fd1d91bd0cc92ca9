-- Delete cancel requests that are settled. $1 tenants, $2 job ids (array literals).
-- Locks: the rows, in key order, SKIP LOCKED.
-- Index: primary key of cancel_request.
with k as materialized (
  select c.ctid from perdura.cancel_request c
    join unnest($1::text[], $2::uuid[]) as r(t, i)
      on c.tenant_id = r.t and c.job_id = r.i
   order by c.tenant_id, c.job_id for update of c skip locked)
delete from perdura.cancel_request c using k where c.ctid = k.ctid
