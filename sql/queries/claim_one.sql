-- Claim one job that the caller names. $1 tenant, $2 id, $3 version, $4 from-state, $5 to-state,
-- $6 lease id, $7 worker, $8 lease ms, $9 grace ms.
-- Locks: the job row, then the new lease row. Index: primary keys. HOT update.
-- Not one that has to pass a gate: claim_limited.sql takes those.
-- No row back: it moved on, or it is not due by the clock of the database.
with claimed as (
  update perdura.job j
     set state = $5::smallint, version = j.version + 1, attempt = j.attempt + 1,
         lease_id = $6::uuid, started_at = now()
   where j.tenant_id = $1::text and j.id = $2::uuid and j.version = $3::integer
     and j.state = $4::smallint and j.run_at <= now()
     and j.ordering_key is null and j.limit_key is null
     and not exists (
       select from perdura.gate g
        where (g.tenant_id, g.kind, g.name) in (
                (j.tenant_id, 0, ''), (j.tenant_id, 1, j.queue), (j.tenant_id, 2, j.type), ('*', 2, j.type))
          and num_nonnulls(g.rate, g.concurrency, g.paused_at) > 0)
  returning j.tenant_id, j.id, j.queue, j.version, j.attempt, j.timeout_ms),
leased as (
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  select $6::uuid, $7::uuid, now(), now() + $8::integer * interval '1 millisecond',
         now() + (timeout_ms::bigint + $9::integer) * interval '1 millisecond',
         1, array[tenant_id], array[id]
    from claimed),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, $4::smallint, $5::smallint, 1 from claimed)
select id as i from claimed
