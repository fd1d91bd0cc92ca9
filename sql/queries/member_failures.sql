-- Members of an actor that gave up and items that were refused, in the order of their ids. $1 tenant,
-- $2 actor, $3 after this id (null: from the first), $4 how many.
-- Locks: nothing. Index: primary key of member_failure.
select job_id as i, label, error::text as error, at
  from perdura.member_failure
 where tenant_id = $1::text and actor_id = $2::text and ($3::uuid is null or job_id > $3::uuid)
 order by job_id limit $4
