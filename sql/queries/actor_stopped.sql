-- Activities that were left behind, and whose jobs have not ended: they are to be cancelled. $1 how many.
-- Locks: nothing.
-- Index: activity_stopped.
select tenant_id as t, job_id as i from perdura.activity where stopped_at is not null
 order by stopped_at limit $1
