-- What heat maps and throughput are read from: jobs by the way they went, a row per minute, folded from
-- the same deltas as the counters; and an index that finds the steps of actors of the last minutes.
-- Locks: new objects; actor_step while the index is made, which reads it once.
create table perdura.flow (
  minute timestamptz not null,
  tenant_id text not null,
  -- -1: the job was new.
  from_state smallint not null,
  to_state smallint not null,
  n bigint not null,
  primary key (minute, tenant_id, from_state, to_state)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

create index actor_step_at on perdura.actor_step
  using brin (at) with (pages_per_range = 16, autosummarize = on);
