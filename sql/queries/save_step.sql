-- Store the result of one step. $1 tenant, $2 id, $3 version, $4 name, $5 attempt, $6 value (JSON text),
-- $7 lease.
-- Locks: the job row, shared, so that the version cannot move under it; the new row.
-- Index: primary keys of job and step. No row back: the lease was lost.
with mine as materialized (
  select tenant_id, id from perdura.job
   where tenant_id = $1::text and id = $2::uuid and version = $3::integer and lease_id = $7::uuid
     for share),
saved as (
  insert into perdura.step (tenant_id, job_id, name, attempt, value)
  select tenant_id, id, $4::text, $5::smallint, $6::text::jsonb from mine
  on conflict (tenant_id, job_id, name) do nothing)
select id as i from mine
