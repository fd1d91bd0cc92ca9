-- Ask for running jobs to be cancelled. Array literals, one element per job, in the order of their ids:
-- $1 tenant, $2 id, $3 version; then $4 state, $5 reason.
-- Locks: the job rows. Index: primary keys. HOT update, and no new version: the runner's own
-- outcome may still win until the grace ends. Gives those that were asked.
with wanted as materialized (
  select r.t, r.i, r.v from unnest($1::text[], $2::uuid[], $3::integer[]) as r(t, i, v)),
asked as (
  update perdura.job j
     set cancel_requested_at = coalesce(j.cancel_requested_at, now())
    from wanted r
   where j.tenant_id = r.t and j.id = r.i and j.version = r.v and j.state = $4::smallint
  returning j.tenant_id, j.id, j.lease_id, j.version, j.cancel_requested_at),
noted as (
  insert into perdura.cancel_request (tenant_id, job_id, lease_id, version, reason)
  select tenant_id, id, lease_id, version, $5::text from asked
  on conflict (tenant_id, job_id) do update
    set lease_id = excluded.lease_id, version = excluded.version, requested_at = now(),
        reason = excluded.reason
    where perdura.cancel_request.version <> excluded.version)
select tenant_id as t, id as i, cancel_requested_at as at from asked
