-- A job tells the plain part of its history itself: created_at is its ENQUEUE, started_at the CLAIM it
-- runs (or ended) under, finished_at its SUCCEED. Only what the row would forget goes to `transition`.
-- Why: docs/decisions/0015-plain-history-in-the-row.md.
-- Locks: job_archive for a moment (a column without a default), the rows that are deleted.

-- Who ran a job that succeeded; null: every step of its end is in `transition`.
alter table perdura.job_archive add column worker uuid;
-- The two homes of ended jobs have one form.
alter table perdura.dead_letter add column worker uuid;

-- Rows of before, which the job now tells itself.
delete from perdura.transition where version = 1;
delete from perdura.transition h using perdura.job j
 where j.lease_id is not null and h.tenant_id = j.tenant_id and h.job_id = j.id
   and h.version = j.version;

-- Every step of every job, for people who read the database. history.sql does the same for one job.
create view perdura.history as
with event as (
  select max(code) filter (where name = 'ENQUEUE') as enqueue,
         max(code) filter (where name = 'CLAIM') as claim,
         max(code) filter (where name = 'SUCCEED') as succeed
    from perdura.event_name),
state as (
  select max(code) filter (where name = 'pending') as initial,
         max(code) filter (where name = 'running') as claimed
    from perdura.state_name),
told as (
  select tenant_id, job_id, version, event, from_state, to_state, attempt, worker, cause, at
    from perdura.transition
  union all
  select j.tenant_id, j.id, 1, event.enqueue, null, state.initial, 0::smallint, null, null, j.created_at
    from (select tenant_id, id, created_at from perdura.job
          union all select tenant_id, id, created_at from perdura.job_archive
          union all select tenant_id, id, created_at from perdura.dead_letter) j, event, state
  union all
  select j.tenant_id, j.id, j.version, event.claim, null, j.state, j.attempt, le.worker, null,
         j.started_at
    from perdura.job j left join perdura.lease le on le.id = j.lease_id, event
   where j.lease_id is not null
  union all
  select a.tenant_id, a.id, a.version - 1, event.claim, null, state.claimed, a.attempt, a.worker, null,
         a.started_at
    from perdura.job_archive a, event, state where a.worker is not null
  union all
  select a.tenant_id, a.id, a.version, event.succeed, state.claimed, a.state, a.attempt, a.worker, null,
         a.finished_at
    from perdura.job_archive a, event, state where a.worker is not null)
select tenant_id, job_id, version, event,
       coalesce(from_state, lag(to_state) over (partition by tenant_id, job_id order by version))
         as from_state,
       to_state, attempt, worker, cause, at
  from told;
