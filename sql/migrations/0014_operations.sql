-- A job wherever it lives: live (home 0), ended (1), or a dead letter (2). A page over it is a merge
-- of the primary keys, and a home that is not asked for is not looked at.
create view perdura.any_job with (security_invoker = true) as
select 0::smallint as home, j.tenant_id, j.id, j.lane, j.run_at, j.created_at, j.started_at,
       null::timestamptz as finished_at, j.cancel_requested_at, j.lease_id, j.timeout_ms, j.version,
       j.state, j.priority, j.attempt, j.max_attempts, j.crashes, j.max_crashes, j.has_data,
       false as has_output, j.queue, j.type, j.payload, null::json as output, j.partition_key,
       j.idempotency_key, j.tags, j.backoff, j.metadata, j.progress, j.last_error, j.cloned_from,
       j.parent_id, j.ordering_key, j.limit_key
  from perdura.job j
union all
select 1::smallint, j.tenant_id, j.id, j.lane, j.run_at, j.created_at, j.started_at, j.finished_at,
       j.cancel_requested_at, null::uuid, j.timeout_ms, j.version, j.state, j.priority, j.attempt,
       j.max_attempts, j.crashes, j.max_crashes, j.has_data, j.has_output, j.queue, j.type, j.payload,
       j.output, j.partition_key, j.idempotency_key, j.tags, j.backoff, j.metadata, j.progress,
       j.last_error, j.cloned_from, j.parent_id, j.ordering_key, j.limit_key
  from perdura.job_archive j
union all
select 2::smallint, j.tenant_id, j.id, j.lane, j.run_at, j.created_at, j.started_at, j.finished_at,
       j.cancel_requested_at, null::uuid, j.timeout_ms, j.version, j.state, j.priority, j.attempt,
       j.max_attempts, j.crashes, j.max_crashes, j.has_data, j.has_output, j.queue, j.type, j.payload,
       j.output, j.partition_key, j.idempotency_key, j.tags, j.backoff, j.metadata, j.progress,
       j.last_error, j.cloned_from, j.parent_id, j.ordering_key, j.limit_key
  from perdura.dead_letter j;

-- Work over many jobs. Its life is an actor of the same tenant and id.
create table perdura.operation (
  tenant_id text not null,
  id uuid not null,
  action text not null,
  -- Its jobs may be of any tenant: they were asked for by their ids.
  is_wide boolean not null,
  -- As it was asked for.
  filter json not null,
  -- Jobs in a second; null: as fast as it goes.
  rate integer check (rate > 0),
  -- Of a reschedule.
  run_at timestamptz,
  -- In the history of its jobs.
  cause text not null,
  requested_by text,
  created_at timestamptz not null default now(),
  matched integer not null,
  parts integer not null,
  done integer not null default 0,
  skipped integer not null default 0,
  primary key (tenant_id, id)
) with (fillfactor = 50);
create index operation_id on perdura.operation (id);

-- The selection, frozen when it was asked for, in parts that are carried out one by one. A part and
-- what became of its jobs commit together, so no job is touched twice.
create table perdura.operation_part (
  tenant_id text not null,
  operation_id uuid not null,
  n integer not null,
  tenants text[] not null,
  ids uuid[] not null,
  -- A job that has moved on since is not what was asked for.
  versions integer[] not null,
  applied_at timestamptz,
  -- One per job: 0 done, then the reasons of src/core/operation.ts.
  outcomes smallint[],
  primary key (tenant_id, operation_id, n)
);

-- Dead letters by the fingerprint of their error (`lastError.fingerprint`; empty: stored before there
-- were any). How many, as append-only deltas that any sweeper folds.
create index dead_letter_error
  on perdura.dead_letter (tenant_id, coalesce(last_error ->> 'fingerprint', ''), id);
create table perdura.error_delta (
  tenant_id text not null,
  fingerprint text not null,
  n bigint not null,
  at timestamptz not null default now()
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create table perdura.error_group (
  tenant_id text not null,
  fingerprint text not null,
  n bigint not null,
  -- When a job of the group gave up, for the first time and the last.
  first_at timestamptz,
  last_at timestamptz,
  primary key (tenant_id, fingerprint)
) with (fillfactor = 50);

-- Who works: one row per worker process, renewed with its leases, deleted when it stops. One that dies
-- stays for a day, silent.
create table perdura.worker (
  id uuid primary key,
  started_at timestamptz not null default now(),
  beat_at timestamptz not null default now(),
  -- So often it says that it is alive.
  every_ms integer not null check (every_ms > 0),
  version text not null,
  types text[] not null,
  machines text[] not null,
  -- Null: all.
  queues text[],
  partition_key text,
  concurrency integer not null,
  running integer not null
) with (fillfactor = 50, autovacuum_vacuum_threshold = 500);

-- How long ended jobs are kept, by tenant, type and state; '*': all. The most special policy counts. State
-- -1: the history of all jobs and actors.
create table perdura.retention (
  tenant_id text not null,
  type text not null,
  state smallint not null,
  -- Since the end of a job; null: any age.
  max_age_ms bigint check (max_age_ms > 0),
  -- The newest so many; null: any number.
  max_count integer check (max_count >= 0),
  -- Count them by day in job_summary before they go.
  keeps_summary boolean not null,
  -- It comes from the settings.
  is_declared boolean not null,
  primary key (tenant_id, type, state)
);

-- What is left of jobs that were not kept.
create table perdura.job_summary (
  tenant_id text not null,
  -- Of their end, UTC.
  day date not null,
  type text not null,
  queue text not null,
  state smallint not null,
  n bigint not null,
  primary key (tenant_id, day, type, queue, state)
);

insert into perdura.error_delta (tenant_id, fingerprint, n, at)
select tenant_id, coalesce(last_error ->> 'fingerprint', ''), count(*), max(finished_at)
  from perdura.dead_letter group by 1, 2;
