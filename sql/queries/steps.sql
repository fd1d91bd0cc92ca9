-- The stored steps of one job. $1 tenant, $2 id.
-- Locks: nothing.
-- Index: primary key of step.
select name, value from perdura.step where tenant_id = $1::text and job_id = $2::uuid
