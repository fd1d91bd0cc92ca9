-- Ordering keys, limit keys, circuit breakers, locks.

alter table perdura.job add column ordering_key text, add column limit_key text;
alter table perdura.job_archive add column ordering_key text, add column limit_key text;
alter table perdura.dead_letter add column ordering_key text, add column limit_key text;

create sequence perdura.ordering_batch;

create table perdura.ordering_key (
  tenant_id text not null,
  key text not null,
  batch bigint not null,
  batch_before bigint,
  used_at timestamptz not null default now(),
  primary key (tenant_id, key)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

create table perdura.place (
  tenant_id text not null,
  key text not null,
  batch bigint not null,
  n integer not null,
  job_id uuid not null,
  skips boolean not null,
  blocked_at timestamptz,
  primary key (tenant_id, key, batch, n)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create unique index place_job on perdura.place (tenant_id, job_id);
create index place_blocked on perdura.place (tenant_id, key) where blocked_at is not null;

create table perdura.vacancy (
  tenant_id text not null,
  key text not null
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

alter table perdura.gate drop constraint gate_kind_check;
alter table perdura.gate add constraint gate_kind_check check (kind between 0 and 3);

create table perdura.breaker (
  tenant_id text not null,
  kind smallint not null check (kind in (2, 3)),
  name text not null,
  version integer not null check (version >= 1),
  state text not null,
  open_until timestamptz,
  probes integer not null check (probes > 0),
  settings json not null,
  snapshot json not null,
  changed_at timestamptz not null default now(),
  primary key (tenant_id, kind, name)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

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
