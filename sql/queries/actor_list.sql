-- One page of a tenant's actors by machine, status, state and id. $1 tenant, $2 machine (null: all),
-- $3 status, $4 state, $5 after this id, $6 how many.
-- Locks: nothing. Index: actor_listing where machine, status and state are given; else the primary key.
select a.tenant_id as t, a.id as i, a.parent_id, a.machine, a.machine_version, a.status, a.state,
       array_to_json(a.tags) as tags, a.version as v, a.created_at, a.updated_at
  from perdura.actor a
 where a.tenant_id = $1::text and ($2::text is null or a.machine = $2)
   and ($3::text is null or a.status = $3) and ($4::text is null or a.state = $4)
   and a.id > $5::text
 order by a.id limit $6
