-- The history of one job, ascending. $1 tenant, $2 id, $3 created at, $4 after version, $5 limit; the
-- codes of $6 ENQUEUE, $7 its state, $8 CLAIM, $9 its state, $10 SUCCEED.
-- Locks: nothing.
-- Index: transition_job (BRIN), partitions pruned by the time of creation; primary keys of the job.
-- The job itself tells its ENQUEUE, the CLAIM it runs or succeeded under, and its SUCCEED; the rest
-- is in `transition`. A CLAIM does not say what it came from: that is where the step before it led.
with home as (
  select j.version, null::smallint as ended, j.attempt, j.started_at, null::timestamptz as finished_at,
         le.worker
    from perdura.job j left join perdura.lease le on le.id = j.lease_id
   where j.tenant_id = $1::text and j.id = $2::uuid and j.lease_id is not null
  union all
  select a.version - 1, a.state, a.attempt, a.started_at, a.finished_at, a.worker
    from perdura.job_archive a
   where a.tenant_id = $1::text and a.id = $2::uuid and a.worker is not null),
told as (
  select h.version, h.event, h.from_state, h.to_state, h.attempt, h.worker, h.cause, h.at
    from perdura.transition h
   where h.tenant_id = $1::text and h.job_id = $2::uuid and h.at >= $3::text::timestamptz
     and h.version >= $4::integer
  union all
  select 1, $6::smallint, null, $7::smallint, 0, null, null, $3::text::timestamptz
  union all
  select version, $8::smallint, null, $9::smallint, attempt, worker, null, started_at from home
  union all
  select version + 1, $10::smallint, $9::smallint, ended, attempt, worker, null, finished_at
    from home where ended is not null)
select *
  from (select version, event, to_state, attempt, worker, cause, at,
               coalesce(from_state, lag(to_state) over (order by version)) as from_state
          from told where version >= $4::integer) h
 where version > $4::integer
 order by version
 limit $5::integer
