-- Actors that have not ended, in the order of their names, after one. $1 tenant, $2 id, $3 statuses of
-- those that have ended (array), $4 how many.
-- Locks: nothing. Index: primary key of actor.
select a.tenant_id as t, a.id as i, a.uid, a.root_id, a.parent_id, a.machine, a.root_machine,
       a.machine_version, a.machine_hash, a.status, a.version as v, a.state,
       a.snapshot::text as snapshot, false as is_new_day, null as registry, null as mail
  from perdura.actor a
 where (a.tenant_id, a.id) > ($1::text, $2::text) and a.status <> all($3::text[])
 order by a.tenant_id, a.id limit $4
