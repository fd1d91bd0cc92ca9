-- Slots are counted by gate and lease: a row for a claim's part of a gate, not one for each of its jobs.
-- Locks: slot, which is a row per running job past a gate.
alter table perdura.slot rename to slot_by_job;
alter index perdura.slot_pkey rename to slot_by_job_pkey;

create table perdura.slot (
  tenant_id text not null,
  kind smallint not null,
  name text not null,
  lease_id uuid not null,
  n integer not null check (n >= 0),
  taken_at timestamptz not null,
  primary key (tenant_id, kind, name, lease_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index slot_lease on perdura.slot (lease_id);

insert into perdura.slot (tenant_id, kind, name, lease_id, n, taken_at)
select tenant_id, kind, name, lease_id, count(*), min(taken_at)
  from perdura.slot_by_job group by tenant_id, kind, name, lease_id;

drop table perdura.slot_by_job;
