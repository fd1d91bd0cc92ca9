-- Mark a job that a sweep could not move. $1 tenant, $2 id, $3 reason, $4 lease id, $5 retry ms.
-- Locks: the new row, then the lease row. Index: primary keys of quarantine and lease.
-- The lease is put off, so that it hides no later one from the sweep, and is tried again.
with marked as (
  insert into perdura.quarantine (tenant_id, job_id, reason)
  values ($1::text, $2::uuid, $3::text)
  on conflict (tenant_id, job_id) do update set reason = excluded.reason, at = now())
update perdura.lease
   set expires_at = now() + $5::integer * interval '1 millisecond'
 where id = $4::uuid and expires_at < now()
