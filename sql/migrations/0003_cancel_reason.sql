-- Why a running job shall be cancelled: it goes into the history with the end of the job.
-- Locks: ACCESS EXCLUSIVE on cancel_request, for a moment; a new column without a default rewrites nothing.
alter table perdura.cancel_request add column if not exists reason text;
