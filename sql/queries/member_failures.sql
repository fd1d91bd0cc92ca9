-- Members that gave up and items that were refused, in the order of their ids: those of the actor's
-- present incarnation. $1 tenant, $2 actor, $3 after this id (null: from the first), $4 how many.
-- Locks: nothing. Index: primary keys of member_failure and actor.
select f.job_id as i, f.label, f.error::text as error, f.at
  from perdura.member_failure f
  join perdura.actor a on a.tenant_id = f.tenant_id and a.id = f.actor_id
 where f.tenant_id = $1::text and f.actor_id = $2::text and ($3::uuid is null or f.job_id > $3::uuid)
   and f.gen = coalesce((a.snapshot -> 'birth' ->> 'gen')::integer, 0)
 order by f.job_id limit $4
