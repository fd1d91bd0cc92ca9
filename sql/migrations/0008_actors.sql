-- Durable actors: their rows, their mailboxes, their activities, their past.
-- Locks: only new objects.

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
create index actor_parent on perdura.actor (tenant_id, parent_id, id) where parent_id is not null;

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
  primary key (tenant_id, job_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index activity_actor on perdura.activity (tenant_id, actor_id, child_id);
create index activity_stopped on perdura.activity (stopped_at) where stopped_at is not null;

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
create table perdura.actor_step_default partition of perdura.actor_step default;
