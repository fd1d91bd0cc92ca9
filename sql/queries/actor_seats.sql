-- Actors that wait for activities which have just ended. $1 tenants, $2 actors, $3 jobs: array literals,
-- one element per activity; $4 the status of actors that run.
-- Locks: nothing. What is read is guarded by the actor's version when it is used.
-- Index: primary keys of activity, actor and mailbox; actor_system.
-- Not those that have left the activity, nor those with mail that comes first.
select r.job, a.tenant_id as t, a.id as i, a.uid, a.root_id, a.parent_id, a.machine, a.root_machine,
       a.machine_version, a.machine_hash, a.status, a.version as v, a.state,
       a.snapshot::text as snapshot, a.updated_at < date_trunc('day', now()) as is_new_day,
       (select json_object_agg(s.system_id, s.id)::text from perdura.actor s
         where s.tenant_id = a.tenant_id and s.root_id = a.root_id and s.system_id is not null)
         as registry,
       null as mail
  from unnest($1::text[], $2::text[], $3::uuid[]) as r(t, i, job)
  join perdura.activity y on y.tenant_id = r.t and y.job_id = r.job and y.actor_id = r.i
   and y.stopped_at is null
  join perdura.actor a on a.tenant_id = r.t and a.id = r.i and a.status = $4
 where not exists (select from perdura.mailbox m
                    where m.tenant_id = r.t and m.actor_id = r.i and not m.parked and m.due_at <= now())
