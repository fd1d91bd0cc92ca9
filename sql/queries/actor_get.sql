-- One actor as clients see it. $1 tenant, $2 id. Of its children a hundred: those that somebody has to help, those on
-- their way, those that have ended, each by id.
-- Locks: nothing.
-- Index: primary key; mailbox_timer, activity_actor, actor_parent, which has the children in this order: a hundred of
-- its entries are read, however many have ended.
select a.tenant_id as t, a.id as i, a.uid, a.root_id, a.parent_id, a.system_id, a.machine,
       a.root_machine, a.machine_version, a.machine_hash, a.status, a.state, array_to_json(a.tags) as tags, a.version as v,
       a.created_at, a.updated_at, a.fault::text as fault, a.input::text as input,
       a.origin::text as origin, a.snapshot::text as snapshot,
       (select json_agg(json_build_object('id', m.timer_id, 'dueAt', m.due_at, 'event',
                          m.body -> 'event' -> 'type', 'to', m.actor_id) order by m.due_at)::text
          from perdura.mailbox m
         where m.tenant_id = a.tenant_id and m.sender = a.id and m.timer_id is not null) as timers,
       (select json_agg(json_build_object('id', y.child_id, 'src', y.src, 'jobId', y.job_id)
                        order by y.job_id)::text
          from perdura.activity y
         where y.tenant_id = a.tenant_id and y.actor_id = a.id and y.stopped_at is null
           and not y.is_member)
         as activities,
       (select json_agg(json_build_object('id', c.id, 'machine', c.machine, 'status', c.status,
                          'state', c.state) order by c.rank, c.id)::text
          from (select c.id, c.machine, c.status, c.state, perdura.actor_rank(c.status) as rank
                  from perdura.actor c
                 where c.tenant_id = a.tenant_id and c.parent_id = a.id
                 order by rank, c.id limit 100) c)
         as children
  from perdura.actor a
 where a.tenant_id = $1::text and a.id = $2::text
