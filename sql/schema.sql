-- The schema as it stands: what the migrations add up to. Read this one; the migrations are its
-- history. A test builds one database from each and compares their catalogs.
-- Partitions by day are added at start and by every sweep (queries/partitions_due.sql).

create schema if not exists perdura;

-- Which migrations this database has had.
create table perdura.migration (
  id integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
);

-- Names of the stored codes, for people who read the database. Filled from the job machine.
create table perdura.state_name (code smallint primary key, name text not null unique);
create table perdura.event_name (code smallint primary key, name text not null unique);

-- The tag is a hash of the id that every id of the tenant's jobs carries as well: a job is found by
-- its id alone without asking every tenant.
create table perdura.tenant (
  id text primary key check (id <> ''),
  tag smallint not null,
  created_at timestamptz not null default now()
);
create index tenant_tag on perdura.tenant (tag);

-- The live job. A claim, a renewal and a progress report change no indexed column (HOT update).
-- fillfactor: a claimed row is 24 bytes longer than a waiting one, and both must fit their page.
create table perdura.job (
  tenant_id text not null,
  id uuid not null,
  lane bigint not null,
  run_at timestamptz not null,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  cancel_requested_at timestamptz,
  lease_id uuid,
  timeout_ms integer not null,
  version integer not null,
  state smallint not null,
  priority smallint not null,
  attempt smallint not null default 0,
  max_attempts smallint not null,
  crashes smallint not null default 0,
  max_crashes smallint not null,
  has_data boolean not null,
  queue text not null,
  type text not null,
  payload json,
  partition_key text,
  idempotency_key text,
  tags text[],
  backoff jsonb,
  metadata jsonb,
  progress jsonb,
  last_error jsonb,
  cloned_from uuid,
  parent_id uuid,
  -- Its jobs start one after the other; of those that are not its first, `lane` is odd.
  ordering_key text,
  -- Its jobs share a gate.
  limit_key text,
  primary key (tenant_id, id),
  check (version >= 1 and attempt >= 0 and crashes >= 0)
) with (
  fillfactor = 45,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 1
);
-- The claim: equality on (tenant, lane, priority), then a range on (run_at, id). Also the loose
-- scan that finds the lanes.
create index job_claim on perdura.job (tenant_id, lane, priority, run_at, id);
-- Jobs one crash below their limit. Only an expired lease pays for this index: no claim changes
-- what its predicate reads.
create index job_suspect on perdura.job (tenant_id, run_at, id)
  where crashes > 0 and crashes >= max_crashes - 1;

-- One row per claimed batch. The key arrays are written once; n_left counts down.
create table perdura.lease (
  id uuid primary key,
  worker uuid not null,
  claimed_at timestamptz not null,
  expires_at timestamptz not null,
  -- Renewal never passes this: the longest timeout of the batch, and the grace.
  hard_until timestamptz not null,
  n_left integer not null check (n_left > 0),
  tenants text[] not null,
  ids uuid[] not null,
  -- Its rows of `slot` are to be lowered with the ends of its jobs, and deleted with it.
  holds_slots boolean not null default false
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
-- Compressing ids only costs CPU; out of line they stay untouched by renewals.
alter table perdura.lease alter tenants set storage external, alter ids set storage external;

-- Ended jobs, by the time inside their UUIDv7 id: a day is dropped, never deleted row by row.
create table perdura.job_archive (
  tenant_id text not null,
  id uuid not null,
  run_at timestamptz not null,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz not null default now(),
  cancel_requested_at timestamptz,
  timeout_ms integer not null,
  version integer not null,
  state smallint not null,
  priority smallint not null,
  attempt smallint not null,
  max_attempts smallint not null,
  crashes smallint not null,
  max_crashes smallint not null,
  has_data boolean not null,
  has_output boolean not null,
  queue text not null,
  type text not null,
  payload json,
  output json,
  partition_key text,
  idempotency_key text,
  tags text[],
  backoff jsonb,
  metadata jsonb,
  progress jsonb,
  last_error jsonb,
  cloned_from uuid,
  parent_id uuid,
  lane bigint not null,
  -- Who ran a job that succeeded; null: every step of its end is in `transition`.
  worker uuid,
  ordering_key text,
  limit_key text,
  primary key (tenant_id, id)
) partition by range (id);
create table perdura.job_archive_default partition of perdura.job_archive default;

-- Jobs that gave up: few, looked at by people, brought back by REQUEUE.
create table perdura.dead_letter (like perdura.job_archive including defaults, primary key (tenant_id, id));

-- Payloads and outputs above 1 KB: insert-only, never moved. kind 0 payload, 1 output.
create table perdura.job_data (
  tenant_id text not null,
  id uuid not null,
  kind smallint not null,
  value json,
  primary key (tenant_id, id, kind)
) partition by range (id);
create table perdura.job_data_default partition of perdura.job_data default;

-- Results of ctx.step: a later attempt skips what is here.
create table perdura.step (
  tenant_id text not null,
  job_id uuid not null,
  name text not null,
  attempt smallint not null,
  at timestamptz not null default now(),
  value jsonb,
  primary key (tenant_id, job_id, name)
) partition by range (job_id);
create table perdura.step_default partition of perdura.step default;

-- History: append-only. What the job's own row tells is not repeated here: created_at is its ENQUEUE,
-- started_at the CLAIM it runs (or succeeded) under, finished_at its SUCCEED. UUIDv7 ids and insertion order agree, so a BRIN finds one job's rows at a
-- fraction of what a B-tree costs every job.
create table perdura.transition (
  tenant_id text not null,
  job_id uuid not null,
  worker uuid,
  at timestamptz not null default now(),
  version integer not null,
  event smallint not null,
  from_state smallint,
  to_state smallint not null,
  attempt smallint not null,
  cause text
) partition by range (at);
create index transition_job on perdura.transition
  using brin (job_id uuid_minmax_multi_ops) with (pages_per_range = 16, autosummarize = on);
create table perdura.transition_default partition of perdura.transition default;

-- Idempotency keys: the first job of a key until that has ended and the key has expired.
create table perdura.unique_key (
  tenant_id text not null,
  key text not null,
  job_id uuid not null,
  payload_hash bigint not null,
  expires_at timestamptz not null,
  primary key (tenant_id, key)
);

-- Wishes to cancel a running job: how a renewal learns of them, and when to force them.
create table perdura.cancel_request (
  tenant_id text not null,
  job_id uuid not null,
  lease_id uuid not null,
  version integer not null,
  requested_at timestamptz not null default now(),
  reason text,
  primary key (tenant_id, job_id)
);

-- Jobs per state as append-only deltas, one row per statement and group; any sweeper folds them.
create table perdura.counter_delta (
  tenant_id text not null,
  queue text not null,
  from_state smallint,
  to_state smallint,
  n bigint not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create table perdura.counter (
  tenant_id text not null,
  queue text not null,
  state smallint not null,
  n bigint not null,
  primary key (tenant_id, queue, state)
) with (fillfactor = 50);

-- Jobs by the way they went, a row per minute of the last day, folded from the same deltas.
create table perdura.flow (
  minute timestamptz not null,
  tenant_id text not null,
  -- -1: the job was new.
  from_state smallint not null,
  to_state smallint not null,
  n bigint not null,
  primary key (minute, tenant_id, from_state, to_state)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- Jobs that a sweep could not move: a mark, not a state, so that the sweep goes on without them.
create table perdura.quarantine (
  tenant_id text not null,
  job_id uuid not null,
  reason text not null,
  at timestamptz not null default now(),
  primary key (tenant_id, job_id)
);

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

create table perdura.api_key (
  -- '*': a platform key, good in every tenant.
  tenant_id text not null,
  id uuid not null,
  name text not null,
  -- SHA-256 of 256 random bits, hexadecimal.
  secret_hash text not null,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  -- To the minute.
  last_used_at timestamptz,
  primary key (tenant_id, id)
);
create index api_key_id on perdura.api_key (id);

-- The SQL entry: triggers and programs in any language add a row, any driver makes a job of it.
create table perdura.inbox (
  tenant_id text not null,
  -- The id that the job will have.
  id uuid not null,
  type text not null,
  payload jsonb,
  options jsonb not null,
  at timestamptz not null default now(),
  primary key (tenant_id, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- The tag that ids of a tenant's jobs end with: `tenantTag` of src/core/id.ts, in SQL. Names are ASCII.
create function perdura.tenant_tag(tenant text) returns integer
language sql immutable strict parallel safe as $$
  with recursive mix(n, a, b) as (
    select 0, 3735928559::bigint, 1103547991::bigint
    union all
    select n + 1,
           mod((a # ascii(substr(tenant, n + 1, 1)))::numeric * 2654435761, 4294967296)::bigint,
           mod((b # ascii(substr(tenant, n + 1, 1)))::numeric * 1597334677, 4294967296)::bigint
      from mix where n < length(tenant))
  select ((mod((a # (a >> 16))::numeric * 2246822507, 4294967296)::bigint
         # mod((b # (b >> 13))::numeric * 3266489909, 4294967296)::bigint) >> 20)::integer
    from mix where n = length(tenant)
$$;

-- Letters by the key that they ask for. A hash: any length comes in here, and is told of later.
create index inbox_key on perdura.inbox using hash ((options ->> 'idempotencyKey'))
  where options ->> 'idempotencyKey' is not null;

-- The job, or the letter, that has an idempotency key; null: none that can be seen from here. $1 tenant, $2 type,
-- $3 key. Whoever may add letters and no more sees none.
-- A letter of another type is none: it may be of no type at all, and become a dead letter. One of the same type may
-- become one too, by its payload or its options, which only a driver can check: then its id is that of a dead letter.
create function perdura.key_holder(tenant text, type text, key text)
returns uuid language plpgsql stable as $$
declare
  holder uuid;
  is_over boolean;
begin
  if not (has_table_privilege('perdura.unique_key', 'select')
          and has_table_privilege('perdura.inbox', 'select')) then
    return null;
  end if;
  select u.job_id, u.expires_at < now() into holder, is_over from perdura.unique_key u
   where u.tenant_id = $1 and u.key = $3;
  if is_over then
    if not has_table_privilege('perdura.job', 'select') then
      holder := null;
    elsif not exists (select from perdura.job j where j.tenant_id = $1 and j.id = holder) then
      holder := null;
    end if;
  end if;
  if holder is null then
    -- The first letter is the one that becomes the job.
    with matches as materialized ( -- by the key alone: the index of tenants and ids holds the whole inbox
      select m.tenant_id, m.id, m.type from perdura.inbox m where m.options ->> 'idempotencyKey' = $3)
    select m.id into holder from matches m where m.tenant_id = $1 and m.type = $2 order by m.id limit 1;
  end if;
  return holder;
end $$;

-- Ask for a job: $1 type, $2 payload, $3 the options of `POST /jobs` (tenantId, delayMs, priority, …).
-- Gives the id that the job will have, or that of the job which has its idempotency key: then nothing is added.
-- A strict one is always added: if its key is another's, it becomes a dead letter. The row commits with the
-- caller's transaction; a driver makes the job from it soon after. What cannot become a job becomes a dead
-- letter, with the reason.
create function perdura.enqueue(
  type text, payload jsonb default '{}', options jsonb default '{}')
returns uuid language plpgsql volatile as $$
declare
  -- What is no name of a tenant is the default tenant's mistake.
  tenant text := case when $3 ->> 'tenantId' ~ '^[A-Za-z0-9_][A-Za-z0-9_.:@/-]{0,127}$'
                      then $3 ->> 'tenantId' else 'default' end;
  random text := replace(gen_random_uuid()::text, '-', '');
  made uuid;
begin
  if jsonb_typeof($3 -> 'idempotencyKey') = 'string' and $3 ->> 'idempotency' is distinct from 'strict' then
    made := perdura.key_holder(tenant, $1, $3 ->> 'idempotencyKey');
    if made is not null then
      return made;
    end if;
  end if;
  made := (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
    || substr(random, 14, 3) || substr(random, 17, 13)
    || lpad(to_hex(perdura.tenant_tag(tenant)), 3, '0'))::uuid;
  insert into perdura.inbox (tenant_id, id, type, payload, options)
  values (tenant, made, $1, $2, coalesce($3, '{}'));
  return made;
end $$;

-- Gates: what the jobs of a tenant, of one of its queues, or of a type have to pass before they start.
-- What operators set, and how full it is, in one row: whoever locks it knows both.
create table perdura.gate (
  -- '*': of all tenants together.
  tenant_id text not null,
  -- 0: the tenant; 1: one of its queues; 2: a type; 3: a limit key.
  kind smallint not null check (kind between 0 and 3),
  -- Empty of a tenant.
  name text not null,
  -- Starts in a period; with a burst of another size a token bucket, otherwise never more in any period.
  rate integer check (rate > 0),
  burst integer check (burst > 0),
  -- Jobs that run at the same time.
  concurrency integer check (concurrency > 0),
  -- Share of the starts among its like; null: 1.
  weight integer check (weight > 0),
  -- Jobs of a tenant that may wait: then no more are taken.
  backlog integer check (backlog > 0),
  -- Of the rate: a minute; shorter in tests alone.
  period_ms integer not null default 60000 check (period_ms >= 1000),
  paused_at timestamptz,
  -- Since then it takes no new jobs.
  draining_at timestamptz,
  -- Its limits come from the code of a handler: no operator has spoken yet.
  is_declared boolean not null default false,
  -- Nothing passes before its guests are counted, and they are not before this: until then, processes
  -- that have not heard of it may still be starting jobs.
  settles_at timestamptz,
  -- +1 by everybody who takes slots: a claim whose snapshot shows another has not seen them all.
  version bigint not null default 1,
  -- The token bucket.
  tokens double precision,
  filled_at timestamptz,
  -- Starts of the last period, per hundredth of it since 1970.
  tick_at bigint[] not null default '{}',
  tick_n integer[] not null default '{}',
  -- Jobs that were running when the limit was set, and under which lease: they have no slot.
  guest_tenants text[] not null default '{}',
  guest_ids uuid[] not null default '{}',
  guest_leases uuid[] not null default '{}',
  primary key (tenant_id, kind, name),
  check ((kind = 0) = (name = '')),
  check (burst is null or rate is not null)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- One row: +1 by every change of what operators set. Processes read the gates when it has moved.
create table perdura.gate_change (n bigint not null);
insert into perdura.gate_change (n) values (1);

-- How many run past a gate with a concurrency, by lease. Inserted by the claim, lowered by the statements that
-- end attempts, and gone with the lease: nobody holds a slot under a lease that is over.
create table perdura.slot (
  -- The gate.
  tenant_id text not null,
  kind smallint not null,
  name text not null,
  lease_id uuid not null,
  -- Jobs of the lease that run past it; none: its others still run.
  n integer not null check (n >= 0),
  taken_at timestamptz not null,
  -- Of the release before, which is not to write here.
  job_tenant_id text,
  job_id uuid check (job_id is null),
  primary key (tenant_id, kind, name, lease_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index slot_lease on perdura.slot (lease_id);
-- ── Order ───────────────────────────────────────────────────────────────────────────────────────

-- Ordering keys in use. Whoever adds jobs to one holds its row until the commit: so places are in the
-- order of commits, and none can appear before one that somebody sees.
create sequence perdura.ordering_batch;
create table perdura.ordering_key (
  tenant_id text not null,
  key text not null,
  -- The last batch, and the one before: who reads both knows whether its snapshot has missed one.
  batch bigint not null,
  batch_before bigint,
  used_at timestamptz not null default now(),
  primary key (tenant_id, key)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- The places of jobs in their keys: from the insert to the end, across retries. The first may start.
create table perdura.place (
  tenant_id text not null,
  key text not null,
  batch bigint not null,
  n integer not null,
  job_id uuid not null,
  -- As a dead letter it makes way; otherwise it keeps its place, and the key waits for an operator.
  skips boolean not null,
  blocked_at timestamptz,
  primary key (tenant_id, key, batch, n)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create unique index place_job on perdura.place (tenant_id, job_id);
create index place_blocked on perdura.place (tenant_id, key) where blocked_at is not null;

-- Keys whose first job may not have been told so: append-only, worked off by every worker.
create table perdura.vacancy (
  tenant_id text not null,
  key text not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- ── Circuit breakers and locks ──────────────────────────────────────────────────────────────────

-- A breaker of a type (tenant '*') or of a limit key, as machines/breaker.ts has it.
create table perdura.breaker (
  tenant_id text not null,
  -- As of a gate: 2 a type, 3 a limit key.
  kind smallint not null check (kind in (2, 3)),
  name text not null,
  version integer not null check (version >= 1),
  state text not null,
  -- While it is open: when probes may start.
  open_until timestamptz,
  -- Half-open: jobs that may run at once.
  probes integer not null check (probes > 0),
  settings json not null,
  snapshot json not null,
  changed_at timestamptz not null default now(),
  primary key (tenant_id, kind, name)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- Its past: a row per change of state.
create table perdura.breaker_step (
  tenant_id text not null,
  kind smallint not null,
  name text not null,
  version integer not null,
  at timestamptz not null default now(),
  event text not null,
  from_state text,
  to_state text not null,
  cause text,
  primary key (tenant_id, kind, name, version)
);

-- Locks of `ctx.lock`. A later holder has a higher token, whatever becomes of the row.
create sequence perdura.lock_token;
create table perdura.lock (
  tenant_id text not null,
  name text not null,
  token bigint not null,
  job_id uuid not null,
  worker uuid not null,
  taken_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant_id, name)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- ── Durable actors ──────────────────────────────────────────────────────────────────────────────

-- Where an actor stands among the children of its parent: 0 somebody has to help it, 1 on its way, 2 ended.
create function perdura.actor_rank(status text) returns integer language sql immutable parallel safe as $$
  select case when $1 = 'active' then 1
              when $1 in ('done', 'error', 'cancelled', 'terminated') then 2 else 0 end
$$;

-- One row per address. A child that was stopped and started again has the same row: its mailbox
-- is read in order, first the stop, then the start, and `version` goes on rising.
create table perdura.actor (
  tenant_id text not null,
  -- Its address: of a child `parent/child`.
  id text not null,
  -- `parent_id` of its activities' jobs.
  uid uuid not null,
  root_id text not null,
  parent_id text,
  system_id text,
  -- The registered machine, `root/child` of a child's; and the root's alone: who may step it.
  machine text not null,
  root_machine text not null,
  machine_version text not null,
  machine_hash text not null,
  status text not null,
  -- XState's value, dotted; regions apart by commas.
  state text not null,
  tags text[] not null,
  -- +1 for every step; 0: its start waits in its mailbox.
  version integer not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  -- Why it is stalled or blocked.
  fault json,
  input json,
  -- { actor, version } that it was forked from.
  origin json,
  snapshot json,
  primary key (tenant_id, id),
  check (version >= 0)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
create index actor_listing on perdura.actor (tenant_id, machine, status, state, id);
create index actor_system on perdura.actor (tenant_id, root_id) where system_id is not null;
create index actor_parent on perdura.actor (tenant_id, parent_id, perdura.actor_rank(status), id)
  where parent_id is not null;
-- Actors that are not on their way: a step pays only where one leaves `active` or comes back to it.
create index actor_resting on perdura.actor (tenant_id, status, id) where status <> 'active';

-- What waits for one actor: events, timers, ends of children and of activities, its start and stop.
-- Read in the order of (due_at, id), deleted by the turn that has read it.
create table perdura.mailbox (
  tenant_id text not null,
  actor_id text not null,
  id uuid not null,
  due_at timestamptz not null default now(),
  kind text not null,
  -- Not offered: its actor does not run now, or has put it off until it is in another state.
  parked boolean not null default false,
  deferred boolean not null default false,
  -- Only this incarnation of the receiver may have it.
  gen integer,
  -- The actor that sent it; null: a client.
  sender text,
  -- The sender's timer that it is.
  timer_id text,
  body json not null,
  primary key (tenant_id, actor_id, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500,
        autovacuum_vacuum_cost_delay = 1);
create index mailbox_due on perdura.mailbox (due_at) where not parked;
create index mailbox_parked on perdura.mailbox (tenant_id, actor_id) where parked;
create index mailbox_timer on perdura.mailbox (tenant_id, sender, timer_id)
  where timer_id is not null;

-- Keys of events that a client may send twice: the first mail of a key, while the actor is there.
create table perdura.mail_key (
  tenant_id text not null,
  actor_id text not null,
  key text not null,
  mail_id uuid not null,
  at timestamptz not null default now(),
  primary key (tenant_id, actor_id, key)
);

-- Jobs whose end is mail for an actor. Deleted by the statement that ends the job.
create table perdura.activity (
  tenant_id text not null,
  job_id uuid not null,
  actor_id text not null,
  child_id text not null,
  gen integer not null,
  src text not null,
  -- A dead letter waits for an operator, and the actor with it.
  parks boolean not null,
  -- The actor has left: nobody waits any more, the job shall end.
  stopped_at timestamptz,
  -- One of many: counted, not told by name. It has no child id, and the generation of its actor.
  is_member boolean not null default false,
  -- What a member is called in reports.
  label text,
  primary key (tenant_id, job_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index activity_actor on perdura.activity (tenant_id, actor_id, child_id);
create index activity_stopped on perdura.activity (stopped_at) where stopped_at is not null;

-- Members that gave up, and items that never became one: what a report is made of.
create table perdura.member_failure (
  tenant_id text not null,
  actor_id text not null,
  -- Of an item that was refused: an id of its own.
  job_id uuid not null,
  gen integer not null,
  at timestamptz not null default now(),
  label text,
  error jsonb,
  primary key (tenant_id, actor_id, job_id)
);

-- Which actors some process is stepping now, one row per batch: a hint that spares others the same
-- work. What decides is the actor's version.
create table perdura.turn (
  id uuid primary key,
  worker uuid not null,
  until timestamptz not null,
  tenants text[] not null,
  ids text[] not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- The past of actors: a row per event. `patch` leads from the last snapshot to this one; every so
-- often, and first in a partition, the whole snapshot stands beside it.
create table perdura.actor_step (
  tenant_id text not null,
  actor_id text not null,
  version integer not null,
  at timestamptz not null default now(),
  event text not null,
  from_state text,
  to_state text not null,
  status text not null,
  tags text[] not null,
  outcome text not null,
  reason text,
  cause text,
  worker uuid,
  mail_id uuid,
  machine_version text not null,
  body json,
  effects json,
  patch json,
  snapshot json
) partition by range (at);
create index actor_step_actor on perdura.actor_step (tenant_id, actor_id, version);
-- Append-only, so that a BRIN finds the last minutes.
create index actor_step_at on perdura.actor_step
  using brin (at) with (pages_per_range = 16, autosummarize = on);
create table perdura.actor_step_default partition of perdura.actor_step default;

-- A UUIDv7.
create function perdura.new_id() returns uuid language sql volatile as $$
  select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
           || substr(r.random, 14, 19))::uuid
    from (select replace(gen_random_uuid()::text, '-', '') as random) r
$$;

-- The address of a root: the slash and the percent sign in its id are escaped.
create function perdura.root_address(id text) returns text
language sql immutable strict parallel safe as $$
  select replace(replace($1, '%', '%25'), '/', '%2F')
$$;

-- Send an event to an actor: $1 its id (of a child its address), $2 the event, $3 the tenant. Gives the
-- id of the mail. It is read in its turn, after the caller's commit; one that the machine does not take
-- is recorded in the actor's history, one for nobody is thrown away.
create function perdura.send(actor text, event jsonb, tenant text default 'default')
returns uuid language sql volatile as $$
  insert into perdura.mailbox (tenant_id, actor_id, id, kind, body)
  select $3,
         coalesce((select a.id from perdura.actor a
                    where a.tenant_id = $3 and a.id in (perdura.root_address($1), $1)
                    order by a.id <> perdura.root_address($1) limit 1),
                  perdura.root_address($1)),
         perdura.new_id(), 'event', json_build_object('event', $2)
  returning id
$$;

-- Ask for an actor: $1 machine, $2 input, $3 options `{ id, tenantId }`. Gives its id. The row commits
-- with the caller's transaction; a worker that has the machine starts the actor soon after. What cannot
-- be started becomes a dead letter of the type `perdura.start_actor`, with the reason.
create function perdura.start_actor(
  machine text, input jsonb default 'null', options jsonb default '{}')
returns text language sql volatile as $$
  with named as (
    select coalesce($3 ->> 'id', perdura.new_id()::text) as id,
           case jsonb_typeof(coalesce($3, 'null')) when 'object' then $3 - '{id,tenantId}'::text[]
                                                   when 'null' then '{}' else $3 end as others),
  asked as (
    select perdura.enqueue(
      'perdura.start_actor',
      jsonb_build_object('machine', $1, 'id', named.id, 'input', $2)
        || case when named.others = '{}' then '{}' else jsonb_build_object('options', named.others) end,
      case when $3 ? 'tenantId' then jsonb_build_object('tenantId', $3 -> 'tenantId') else '{}' end)
      from named)
  select named.id from named, asked
$$;

-- Files that clients send for jobs to read: a row, and its bytes in pieces.
create table perdura.file (
  tenant_id text not null,
  id uuid not null,
  name text not null,
  media_type text not null,
  -- Bytes; null while it is being sent.
  size integer,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id)
);

create table perdura.file_piece (
  tenant_id text not null,
  file_id uuid not null,
  n integer not null,
  -- Most files are text that its sender could have compressed.
  data bytea not null,
  primary key (tenant_id, file_id, n),
  foreign key (tenant_id, file_id) references perdura.file (tenant_id, id) on delete cascade
);
-- Who did what: the audit of operators, append-only.
create table perdura.audit (
  -- '*': of no tenant, an action on the platform.
  tenant_id text not null,
  id uuid not null,
  at timestamptz not null default now(),
  who text not null,
  action text not null,
  -- The path of what was acted on: `jobs/<id>`, `queues/default`.
  subject text not null,
  reason text,
  -- Of the subject, when it was acted on.
  version integer,
  detail jsonb,
  primary key (tenant_id, id)
);
create index audit_id on perdura.audit (id);
create index audit_subject on perdura.audit (tenant_id, subject, id);

-- Append-only for everybody but the owner of the table, who can drop the trigger, and is seen doing so.
create function perdura.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'perdura.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger audit_is_append_only before update or delete or truncate on perdura.audit
  for each statement execute function perdura.refuse_change();
-- Schedules, and what became of their fire times.
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

-- A session: an opaque text in a cookie, of which only a hash is here, in place of an API key.
create table perdura.ui_session (
  -- SHA-256 of 256 random bits, hexadecimal.
  token_hash text primary key,
  -- What it stands for: a revoked key ends its sessions.
  key_id uuid not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);

-- A picture of a chart. `layout` counts the ways in which charts have been laid out and drawn.
create table perdura.chart_picture (
  hash text not null,
  layout integer not null,
  svg text not null,
  drawn_at timestamptz not null default now(),
  primary key (hash, layout)
);

-- ── Operations ──────────────────────────────────────────────────────────────────────────────────

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
  running integer not null,
  -- Null: a program from before, which runs jobs of actors whatever its chart is.
  charts text[]
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

-- Claim up to $7 due jobs of one level, a lane at one priority: what most claims ask. $1 lease id, $2 worker,
-- $3 lease ms, $4 grace ms, $5 from-states, $6 to-state; $8 tenant, $9 lane, $10 priority, $11 cursor run_at,
-- $12 cursor id; $13 the change of the gates that the caller knows (null: any). Never suspects.
-- Locks: the picked job rows, FOR UPDATE SKIP LOCKED, in claim order; they stay locked for the statements after it.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
-- The change is looked for by the statement that picks: what is committed between two looks is seen by both or none.
-- Behind a pooler, too, its plans last, and sessions have no settings of ours: those that keep a plan made while the
-- table was empty to the indexes are its own.
-- Its commit does not wait for the disk. History and answer: see claim.sql.
create function perdura.claim_level(
  lease_id uuid, worker uuid, lease_ms integer, grace_ms integer, from_states smallint[], to_state smallint,
  wanted integer, tenant text, lane bigint, priority smallint, cursor_at timestamptz, cursor_id uuid, change bigint)
returns table (jobs text, kind text, tids text) language plpgsql
set enable_seqscan = off set jit = off set enable_sort = off as $$
#variable_conflict use_column
declare
  picked record;
  example record;
  claimed record;
begin
  perform set_config('synchronous_commit', 'off', true);
  select array_agg(p.tid) as tids, array_agg(p.queue) as queues, array_agg(p.state) as states into picked
    from (
      select j.ctid as tid, j.queue, j.state from perdura.job j
       where j.tenant_id = $8 and j.lane = $9 and j.priority = $10
         and j.run_at <= now() and (j.run_at, j.id) >= ($11, $12)
         and j.state = any($5)
         and not (j.crashes > 0 and j.crashes >= j.max_crashes - 1)
         and ($13 is null or exists (select from perdura.gate_change c where c.n = $13))
       order by j.run_at, j.id
       limit $7 for update skip locked) p;
  if picked.tids is null then
    return;
  end if;
  select j.type, j.queue, j.max_attempts, j.crashes, j.max_crashes, j.timeout_ms, j.run_at into example -- any of them
    from perdura.job j where j.ctid = picked.tids[1];
  with changed as (
    update perdura.job j
       set state = $6, version = j.version + 1, attempt = j.attempt + 1, lease_id = $1, started_at = now()
     where j.ctid = any(picked.tids)
    returning j.id, j.timeout_ms, j.has_data, j.ctid::text as tid,
      concat_ws(E'\x1f', j.id,
        case when j.type = example.type and j.queue = example.queue and j.max_attempts = example.max_attempts
              and j.crashes = example.crashes and j.max_crashes = example.max_crashes
              and j.timeout_ms = example.timeout_ms
             then ''
             else concat_ws(E'\x1e', j.tenant_id, j.lane, j.type, j.queue, j.priority, j.max_attempts,
                            j.crashes, j.max_crashes, j.timeout_ms) end,
        case when j.run_at = example.run_at then '' else j.run_at::text end,
        j.version, j.attempt,
        case when j.created_at = j.run_at then '' else j.created_at::text end,
        case when coalesce(j.backoff, j.metadata, to_jsonb(j.tags), j.last_error -> 'traceparent') is null
             then ''
             else jsonb_build_object('backoff', j.backoff, 'metadata', j.metadata, 'tags', j.tags,
                                     'failed', j.last_error -> 'traceparent')::text end,
        j.payload) as line)
  select count(*)::integer as n, array_agg(c.id) as ids, max(c.timeout_ms)::bigint as longest_ms,
         string_agg(c.line, E'\n') filter (where not c.has_data) as lines,
         string_agg(c.tid, E'\n') filter (where not c.has_data) as tids,
         array_agg(c.id) filter (where c.has_data) as large,
         array_agg(c.line) filter (where c.has_data) as large_lines,
         array_agg(c.tid) filter (where c.has_data) as large_tids
    into claimed from changed c;
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  values ($1, $2, now(), now() + $3 * interval '1 millisecond',
          now() + (claimed.longest_ms + $4) * interval '1 millisecond',
          claimed.n, array_fill($8, array[claimed.n]), claimed.ids);
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select $8, u.queue, u.state, $6, count(*) from unnest(picked.queues, picked.states) as u(queue, state)
   group by u.queue, u.state;
  kind := concat_ws(E'\x1e', $8, $9, example.type, example.queue, $10, example.max_attempts, example.crashes,
                    example.max_crashes, example.timeout_ms, example.run_at);
  if claimed.lines is not null then
    jobs := claimed.lines;
    tids := claimed.tids;
    return next;
  end if;
  if claimed.large is not null then
    return query
    select u.line || E'\x1f' || d.value, claim_level.kind, u.tid
      from unnest(claimed.large, claimed.large_lines, claimed.large_tids) as u(id, line, tid)
      join perdura.job_data d on d.tenant_id = $8 and d.id = u.id and d.kind = 0;
  end if;
end $$;

-- perdura.claim_level where one job is due, or wanted: the same parameters, rows, locks and answer. Where more are
-- both due and wanted, it is claim_level itself.
-- Locks: the picked job row, FOR UPDATE SKIP LOCKED; it stays locked for the statements after it.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
-- The change is looked for by the statement that picks. Plans, history and commit: see claim_level.
create function perdura.claim_next(
  lease_id uuid, worker uuid, lease_ms integer, grace_ms integer, from_states smallint[], to_state smallint,
  wanted integer, tenant text, lane bigint, priority smallint, cursor_at timestamptz, cursor_id uuid, change bigint)
returns table (jobs text, kind text, tids text) language plpgsql
set enable_seqscan = off set jit = off set enable_sort = off as $$
#variable_conflict use_column
declare
  picked record;
  claimed record;
begin
  perform set_config('synchronous_commit', 'off', true);
  select j.ctid as tid, j.state, j.run_at, j.id into picked from perdura.job j
   where j.tenant_id = $8 and j.lane = $9 and j.priority = $10
     and j.run_at <= now() and (j.run_at, j.id) >= ($11, $12)
     and j.state = any($5)
     and not (j.crashes > 0 and j.crashes >= j.max_crashes - 1)
     and ($13 is null or exists (select from perdura.gate_change c where c.n = $13))
   order by j.run_at, j.id
   limit 1 for update skip locked;
  if not found then
    return;
  end if;
  if $7 > 1 and exists (
    select from perdura.job j
     where j.tenant_id = $8 and j.lane = $9 and j.priority = $10
       and j.run_at <= now() and (j.run_at, j.id) > (picked.run_at, picked.id) and j.state = any($5))
  then
    return query select * from perdura.claim_level($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);
    return;
  end if;
  update perdura.job j
     set state = $6, version = j.version + 1, attempt = j.attempt + 1, lease_id = $1, started_at = now()
   where j.ctid = picked.tid
  returning j.id, j.queue, j.timeout_ms, j.ctid::text as tid,
    concat_ws(E'\x1f', j.id, '', '', j.version, j.attempt,
      case when j.created_at = j.run_at then '' else j.created_at::text end,
      case when coalesce(j.backoff, j.metadata, to_jsonb(j.tags), j.last_error -> 'traceparent') is null
           then ''
           else jsonb_build_object('backoff', j.backoff, 'metadata', j.metadata, 'tags', j.tags,
                                   'failed', j.last_error -> 'traceparent')::text end,
      case when j.has_data
           then (select d.value::text from perdura.job_data d
                  where d.tenant_id = $8 and d.id = j.id and d.kind = 0)
           else j.payload::text end) as line,
    concat_ws(E'\x1e', $8, $9, j.type, j.queue, $10, j.max_attempts, j.crashes, j.max_crashes, j.timeout_ms,
              j.run_at) as kind
    into claimed;
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  values ($1, $2, now(), now() + $3 * interval '1 millisecond',
          now() + (claimed.timeout_ms::bigint + $4) * interval '1 millisecond', 1, array[$8], array[claimed.id]);
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  values ($8, claimed.queue, picked.state, $6, 1);
  jobs := claimed.line;
  kind := claimed.kind;
  tids := claimed.tid;
  return next;
end $$;
