-- Actors that have not ended, and what they have put off, in the order of their names, after one. $1 tenant, $2 id, $3 statuses of
-- those that have ended (array), $4 how many.
-- Locks: nothing. Index: primary key of actor; mailbox_parked.
select a.tenant_id as t, a.id as i, a.uid, a.root_id, a.parent_id, a.machine, a.root_machine,
       a.machine_version, a.machine_hash, a.status, a.version as v, a.state,
       a.snapshot::text as snapshot, false as is_new_day, null as registry,
       (select json_agg(json_build_array(m.id, m.kind, m.deferred, m.gen, m.sender, m.body)
                        order by m.due_at, m.id)::text
          from perdura.mailbox m
         where m.tenant_id = a.tenant_id and m.actor_id = a.id and m.parked and m.deferred) as mail
  from perdura.actor a
 where (a.tenant_id, a.id) > ($1::text, $2::text) and a.status <> all($3::text[])
 order by a.tenant_id, a.id limit $4
