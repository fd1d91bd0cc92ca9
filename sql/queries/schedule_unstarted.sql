-- Runs whose actors have yet to be started. $1 machines that are known here (array literal), $2 how many,
-- $3 tenant and $4 id of one schedule (null: of all).
-- Locks: nothing: an actor is started once per id.
-- Index: schedule_run_unstarted; primary key of schedule.
select r.tenant_id as t, r.schedule_id as i, r.fire_at as r_fire_at, r.cause as r_cause, r.actor_id as r_actor,
       r.note as r_note, s.definition
  from perdura.schedule_run r
  join perdura.schedule s on s.tenant_id = r.tenant_id and s.id = r.schedule_id
 where r.is_unstarted and s.machine = any($1::text[])
   and ($3::text is null or (r.tenant_id, r.schedule_id) = ($3::text, $4::text))
 order by r.tenant_id, r.schedule_id, r.fire_at limit $2
