-- Accept a batch of jobs that are due at once and have nothing but a small payload: no key, no tags, no
-- backoff of their own (insert.sql takes those). $1 initial state; then array literals, one element per
-- job: $2 id, $3 number of its definition, $4 payload; then one element per definition, which neighbours
-- mostly share: $5 tenant, $6 lane, $7 queue, $8 type, $9 partition key, $10 priority, $11 max attempts,
-- $12 max crashes, $13 timeout ms, $14 how many jobs have it; and $15 the tenants whose requests they are of, for
-- the policy of perdura_sender (an array literal; null: they are of no request).
-- $4 is a text, a line per job: neither side has to escape or unescape it.
-- All or none of a call. An id that is there already is an error: see insert.sql.
-- Locks: only the new rows. Index: primary key of job, job_claim (one entry each).
-- Returns one row: the time at which all of them were created and came due.
with definition as materialized (
  select d.* from (select set_config('perdura.tenants', $15::text, true)) behind, unnest(
    $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::smallint[], $11::smallint[],
    $12::smallint[], $13::integer[], $14::integer[])
    with ordinality as d(t, lane, q, k, part, p, ma, mc, ms, n, number)),
ins as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, timeout_ms, version, state, priority, max_attempts, max_crashes,
    has_data, queue, type, payload, partition_key)
  select d.t, r.i, d.lane, now(), d.ms, 1, $1::smallint, d.p, d.ma, d.mc, false, d.q, d.k, r.y, d.part
    from unnest($2::uuid[], $3::integer[], string_to_array($4::text, e'\n', '')::json[]) as r(i, d, y)
    join definition d on d.number = r.d),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, to_state, n)
  select t, q, $1::smallint, sum(n) from definition group by t, q)
select now() as c, null as told
