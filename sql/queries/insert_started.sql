-- Accept a batch of plain jobs that their own process starts right after the commit: insert_plain.sql
-- and claim.sql in one. $1 running state; then array literals, one element per job: $2 id, $3 number of
-- its definition, $4 payload; then one element per definition: $5 tenant, $6 lane, $7 queue, $8 type,
-- $9 partition key, $10 priority, $11 max attempts, $12 max crashes, $13 timeout ms, $14 how many jobs
-- have it; then $15 lease id, $16 worker, $17 lease ms, $18 grace ms.
-- $19 the change of the gates that the caller knows (null: any): see claim.sql. No row back: nothing is stored.
-- $4 is a text, a line per job.
-- All or none of a call. Only for lanes without limits in which nothing waits.
-- Locks: only the new rows. Index: primary keys of job and lease, job_claim (one entry each).
-- The row is its own history: ENQUEUE at created_at, CLAIM at started_at, and nobody saw it between.
-- Returns one row: the time at which all of them were created, and began.
with definition as materialized (
  select * from unnest(
    $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::smallint[], $11::smallint[],
    $12::smallint[], $13::integer[], $14::integer[])
    with ordinality as d(t, lane, q, k, part, p, ma, mc, ms, n, number)
   where $19::bigint is null or exists (select from perdura.gate_change c where c.n = $19::bigint)),
ins as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, started_at, lease_id, timeout_ms, version, state, attempt, priority,
    max_attempts, max_crashes, has_data, queue, type, payload, partition_key)
  select d.t, r.i, d.lane, now(), now(), $15::uuid, d.ms, 2, $1::smallint, 1, d.p, d.ma, d.mc, false,
         d.q, d.k, r.y, d.part
    from unnest($2::uuid[], $3::integer[], string_to_array($4::text, e'\n', '')::json[]) as r(i, d, y)
    join definition d on d.number = r.d
  returning tenant_id, id),
leased as (
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  select $15::uuid, $16::uuid, now(), now() + $17::integer * interval '1 millisecond',
         now() + ((select max(ms) from definition)::bigint + $18::integer) * interval '1 millisecond',
         count(*), array_agg(tenant_id), array_agg(id)
    from ins having count(*) > 0),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, to_state, n)
  select t, q, $1::smallint, sum(n) from definition group by t, q)
select now() as c, now()::text as r from definition limit 1
