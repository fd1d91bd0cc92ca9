-- Slots are counted by gate and lease: a row for a claim's part of a gate, not one for each of its jobs.
-- Locks: slot, which is a row per running job past a gate.
-- The release before this one goes on beside it: what ends jobs there names `job_tenant_id` and `job_id`, finds
-- none, and leaves its leases' slots to the next sweep. It cannot start jobs past a limit of concurrency, which
-- it would count in its own way: the check refuses it, and they wait for a worker of this release.
alter table perdura.slot rename to slot_by_job;
alter index perdura.slot_pkey rename to slot_by_job_pkey;

create table perdura.slot (
  tenant_id text not null,
  kind smallint not null,
  name text not null,
  lease_id uuid not null,
  n integer not null check (n >= 0),
  taken_at timestamptz not null,
  -- Of the release before this one, which is not to write here.
  job_tenant_id text,
  job_id uuid check (job_id is null),
  primary key (tenant_id, kind, name, lease_id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
create index slot_lease on perdura.slot (lease_id);

insert into perdura.slot (tenant_id, kind, name, lease_id, n, taken_at)
select tenant_id, kind, name, lease_id, count(*), min(taken_at)
  from perdura.slot_by_job s
 where exists (select from perdura.lease le where le.id = s.lease_id)
 group by tenant_id, kind, name, lease_id;

drop index perdura.slot_job;
drop table perdura.slot_by_job;
