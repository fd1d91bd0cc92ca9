-- Schedules that are due, or have a run that waits for the one before it, with their runs that still live.
-- $1 types, $2 machines that are known here (array literals), $3 how many, $4 the policy that does not ask
-- for live runs, $5 statuses of actors that have ended.
-- Locks: nothing; schedule_fire.sql decides who fires. Index: schedule_due, schedule_buffered, primary keys.
with due as materialized (
  (select * from perdura.schedule s
    where s.due_at <= now() and (s.type = any($1::text[]) or s.machine = any($2::text[]))
    order by s.due_at limit $3)
  union all
  (select * from perdura.schedule s
    where s.buffered_for is not null and s.paused_at is null and (s.due_at is null or s.due_at > now())
      and (s.type = any($1::text[]) or s.machine = any($2::text[]))
    limit $3))
select now() as now, s.tenant_id as t, s.id as i, s.version as v, s.definition, s.fire_at, s.due_at,
       s.buffered_for, s.paused_at, s.anchor_at, s.run_count, s.created_at, s.updated_at, live.runs as live
  from due s
  left join lateral (
    select json_agg(json_build_object('jobId', r.job_id, 'actorId', r.actor_id)) as runs
      from (select r.tenant_id, r.job_id, r.actor_id, r.is_unstarted from perdura.schedule_run r
             where r.tenant_id = s.tenant_id and r.schedule_id = s.id
               and (r.job_id is not null or r.actor_id is not null)
             order by r.fire_at desc limit 10) r
     where r.is_unstarted
        or exists (select from perdura.job j where j.tenant_id = r.tenant_id and j.id = r.job_id)
        or exists (select from perdura.actor a
                    where a.tenant_id = r.tenant_id and a.id = r.actor_id
                      and a.status <> all($5::text[]))) live
    on s.definition ->> 'overlap' <> $4
