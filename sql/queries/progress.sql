-- Report progress of a running job. $1 tenant, $2 id, $3 version, $4 progress (JSON text), $5 lease.
-- Locks: the job row.
-- Index: primary key of job. HOT update, guarded by version and lease.
update perdura.job set progress = $4::text::jsonb
 where tenant_id = $1::text and id = $2::uuid and version = $3::integer and lease_id = $5::uuid
returning id as i
