-- Limits: what jobs have to pass before they start.

create table perdura.gate (
  tenant_id text not null,
  kind smallint not null check (kind between 0 and 2),
  name text not null,
  rate integer check (rate > 0),
  burst integer check (burst > 0),
  concurrency integer check (concurrency > 0),
  weight integer check (weight > 0),
  backlog integer check (backlog > 0),
  period_ms integer not null default 60000 check (period_ms >= 1000),
  paused_at timestamptz,
  draining_at timestamptz,
  is_declared boolean not null default false,
  settles_at timestamptz,
  version bigint not null default 1,
  tokens double precision,
  filled_at timestamptz,
  tick_at bigint[] not null default '{}',
  tick_n integer[] not null default '{}',
  guest_tenants text[] not null default '{}',
  guest_ids uuid[] not null default '{}',
  guest_leases uuid[] not null default '{}',
  primary key (tenant_id, kind, name),
  check ((kind = 0) = (name = '')),
  check (burst is null or rate is not null)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

create table perdura.gate_change (n bigint not null);
insert into perdura.gate_change (n) values (1);

create table perdura.slot (
  tenant_id text not null,
  kind smallint not null,
  name text not null,
  n integer not null check (n > 0),
  job_tenant_id text not null,
  job_id uuid not null,
  lease_id uuid not null,
  taken_at timestamptz not null,
  primary key (tenant_id, kind, name, n)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index slot_job on perdura.slot (job_id);

alter table perdura.lease add column holds_slots boolean not null default false;
