-- What became of a schedule's fire times, newest first. $1 tenant, $2 schedule, $3 before this fire time
-- (null: from the newest), $4 how many.
-- Locks: nothing. Index: primary keys.
select r.fire_at as r_fire_at, r.at as r_at, r.cause as r_cause, r.outcome as r_outcome, r.n as r_n,
       r.job_id as r_job, r.actor_id as r_actor, r.note as r_note, j.state as r_state, a.status as r_status
  from (select * from perdura.schedule_run r
         where r.tenant_id = $1::text and r.schedule_id = $2::text
           and ($3::timestamptz is null or r.fire_at < $3)
         order by r.fire_at desc, r.cause limit $4) r
  left join lateral (
    select j.state from perdura.job j where j.tenant_id = r.tenant_id and j.id = r.job_id
    union all
    select a.state from perdura.job_archive a where a.tenant_id = r.tenant_id and a.id = r.job_id
    union all
    select d.state from perdura.dead_letter d where d.tenant_id = r.tenant_id and d.id = r.job_id) j on true
  left join perdura.actor a on a.tenant_id = r.tenant_id and a.id = r.actor_id
 order by r.fire_at desc, r.cause
