-- What became of the start of an actor. $1 tenant, $2 schedule, $3 fire time, $4 cause, $5 outcome, $6 note.
-- Locks: the row.
-- Index: primary key.
update perdura.schedule_run r
   set is_unstarted = false, outcome = $5::text, note = $6::text
 where r.tenant_id = $1::text and r.schedule_id = $2::text and r.fire_at = $3::timestamptz
   and r.cause = $4::text and r.is_unstarted
returning r.fire_at
