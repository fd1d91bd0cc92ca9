-- One actor as a turn needs it. $1 tenant, $2 id, $3 mail at most, $4 key of an event.
-- Locks: nothing. Index: primary keys of actor, mailbox and mail_key; actor_system.
-- `known`: the mail that has this key already. The start of one that has not begun comes though it is parked.
select a.tenant_id as t, a.id as i, a.uid, a.root_id, a.parent_id, a.machine, a.root_machine,
       a.machine_version, a.machine_hash, a.status, a.version as v, a.state,
       a.snapshot::text as snapshot, a.updated_at < date_trunc('day', now()) as is_new_day,
       (select json_object_agg(s.system_id, s.id)::text from perdura.actor s
         where s.tenant_id = a.tenant_id and s.root_id = a.root_id and s.system_id is not null)
         as registry,
       (select json_agg(json_build_array(m.id, m.kind, m.deferred, m.gen, m.sender, m.body)
                        order by m.due_at, m.id)::text
          from (select id, kind, deferred, gen, sender, body, due_at from perdura.mailbox m
                 where m.tenant_id = a.tenant_id and m.actor_id = a.id
                   and (m.deferred or not m.parked or m.kind = 'start')
                   and m.due_at <= now()
                 order by m.due_at, m.id limit $3) m) as mail,
       (select k.mail_id from perdura.mail_key k
         where k.tenant_id = a.tenant_id and k.actor_id = a.id and k.key = $4::text) as known
  from perdura.actor a
 where a.tenant_id = $1::text and a.id = $2::text
