-- The history of one job, ascending. $1 tenant, $2 id, $3 created at, $4 after version, $5 limit.
-- Locks: nothing.
-- Index: transition_job (BRIN), partitions pruned by the time of creation.
select h.version, h.event, h.from_state, h.to_state, h.attempt, h.worker, h.cause, h.at
  from perdura.transition h
 where h.tenant_id = $1::text and h.job_id = $2::uuid and h.at >= $3::text::timestamptz
   and h.version > $4::integer
 order by h.version
 limit $5::integer
