-- One schedule with its last run, and the time: a schedule that is not there is a row of the time alone.
-- $1 tenant, $2 id.
-- Locks: nothing. Index: primary keys.
select now() as now, s.tenant_id as t, s.id as i, s.version as v, s.definition, s.fire_at, s.due_at, s.buffered_for, s.paused_at,
       s.anchor_at, s.run_count, s.created_at, s.updated_at,
       r.fire_at as r_fire_at, r.at as r_at, r.cause as r_cause, r.outcome as r_outcome, r.n as r_n,
       r.job_id as r_job, r.actor_id as r_actor, r.note as r_note, j.state as r_state, a.status as r_status
  from (select 1) one
  left join perdura.schedule s on s.tenant_id = $1::text and s.id = $2::text
  left join lateral (
    select r.* from perdura.schedule_run r
     where r.tenant_id = s.tenant_id and r.schedule_id = s.id
       and (r.job_id is not null or r.actor_id is not null)
     order by r.fire_at desc limit 1) r on true
  left join lateral (
    select j.state from perdura.job j where j.tenant_id = r.tenant_id and j.id = r.job_id
    union all
    select a.state from perdura.job_archive a where a.tenant_id = r.tenant_id and a.id = r.job_id
    union all
    select d.state from perdura.dead_letter d where d.tenant_id = r.tenant_id and d.id = r.job_id) j on true
  left join perdura.actor a on a.tenant_id = r.tenant_id and a.id = r.actor_id
