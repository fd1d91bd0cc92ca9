-- Mark a job that a sweep could not move. $1 tenant, $2 id, $3 reason.
-- Locks: the new row.
-- Index: primary key of quarantine.
insert into perdura.quarantine (tenant_id, job_id, reason)
values ($1::text, $2::uuid, $3::text)
on conflict do nothing
