-- Ask for a running job to be cancelled. $1 tenant, $2 id, $3 version, $4 state, $5 reason.
-- Locks: the job row. Index: primary keys. HOT update, and no new version: the runner's own
-- outcome may still win until the grace ends.
with asked as (
  update perdura.job
     set cancel_requested_at = coalesce(cancel_requested_at, now())
   where tenant_id = $1::text and id = $2::uuid and version = $3::integer and state = $4::smallint
  returning tenant_id, id, lease_id, version, cancel_requested_at),
noted as (
  insert into perdura.cancel_request (tenant_id, job_id, lease_id, version, reason)
  select tenant_id, id, lease_id, version, $5::text from asked
  on conflict (tenant_id, job_id) do update
    set lease_id = excluded.lease_id, version = excluded.version, requested_at = now(),
        reason = excluded.reason
    where perdura.cancel_request.version <> excluded.version)
select cancel_requested_at as at from asked
