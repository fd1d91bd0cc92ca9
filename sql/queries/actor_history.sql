-- Steps of one actor. $1 tenant, $2 id, $3 after this version, $4 up to this version, $5 how many,
-- $6 whether snapshots are wanted.
-- Locks: nothing. Index: actor_step_actor in every partition.
select version as v, at, event, from_state, to_state, status,
       array_to_json(tags) as tags, outcome, reason, cause, worker,
       mail_id, machine_version, body::text as body, effects::text as effects, patch::text as patch,
       case when $6::boolean then snapshot::text end as snapshot
  from perdura.actor_step
 where tenant_id = $1::text and actor_id = $2::text and version > $3::integer
   and version <= $4::integer
 order by version limit $5
