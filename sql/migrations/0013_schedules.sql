-- Schedules, and what became of their fire times.
-- Locks: only new objects.

create table perdura.schedule (
  tenant_id text not null,
  id text not null,
  -- Of the definition: +1 by every change of an operator, by no fire.
  version integer not null,
  -- What was sent, checked: rhythm, target, options, policies.
  definition json not null,
  -- What it starts: a job of this type, or an actor of this machine. Who does not know it, passes it over.
  type text,
  machine text,
  -- Next fire time, and the same with its jitter; null: paused, or never again.
  fire_at timestamptz,
  due_at timestamptz,
  -- A fire time that waits for the run before it to end.
  buffered_for timestamptz,
  paused_at timestamptz,
  -- Where an interval is counted from.
  anchor_at timestamptz not null,
  run_count bigint not null default 0,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant_id, id),
  check ((type is null) <> (machine is null)),
  check ((fire_at is null) = (due_at is null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index schedule_due on perdura.schedule (due_at) where due_at is not null;
create index schedule_buffered on perdura.schedule (tenant_id, id) where buffered_for is not null;

-- One row per fire time that was dealt with, or per stretch of missed ones; the last hundred of each.
create table perdura.schedule_run (
  tenant_id text not null,
  schedule_id text not null,
  fire_at timestamptz not null,
  at timestamptz not null default now(),
  cause text not null,
  outcome text not null,
  n integer not null default 1,
  job_id uuid,
  actor_id text,
  -- Its actor has yet to be started: any process does.
  is_unstarted boolean not null default false,
  note text,
  primary key (tenant_id, schedule_id, fire_at, cause)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index schedule_run_unstarted on perdura.schedule_run (tenant_id, schedule_id, fire_at)
  where is_unstarted;

-- Unique jobs: which job has a key of `unique`. Whoever changes a row adds 1 to n, so that what was decided
-- on an older one is decided anew.
create table perdura.unique_lock (
  tenant_id text not null,
  -- The type of its jobs, a space, the key.
  key text not null,
  job_id uuid not null,
  n bigint not null default 1,
  -- Held until then, whatever has become of the job.
  until timestamptz,
  -- The job may start when this one has ended.
  waits_for uuid,
  primary key (tenant_id, key)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index unique_lock_waiting on perdura.unique_lock (tenant_id, key) where waits_for is not null;

-- What handlers log, for a while: the newest lines of the last attempts. Numbered per claim.
create table perdura.job_log (
  tenant_id text not null,
  job_id uuid not null,
  -- Of the claim, and the number of the line in it.
  version integer not null,
  n integer not null,
  at timestamptz not null,
  attempt smallint not null,
  level text not null,
  message text not null,
  data json,
  primary key (tenant_id, job_id, version, n)
) partition by range (job_id);
create table perdura.job_log_default partition of perdura.job_log default;
