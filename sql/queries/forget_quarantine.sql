-- Take the mark off jobs that could be moved after all. $1 tenants, $2 job ids (array literals).
-- Locks: the marks, SKIP LOCKED.
-- Index: primary key of quarantine, a handful of rows.
with k as materialized (
  select q.ctid from perdura.quarantine q
    join unnest($1::text[], $2::uuid[]) as r(t, i) on q.tenant_id = r.t and q.job_id = r.i
   order by q.tenant_id, q.job_id for update of q skip locked)
delete from perdura.quarantine q using k where q.ctid = k.ctid
