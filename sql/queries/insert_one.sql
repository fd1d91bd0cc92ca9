-- Accept one job that is due at once and has nothing but a small payload: insert_plain.sql for the job that comes
-- alone, for which setting out to read arrays costs more than storing it. $1 initial state; $2 id, $3 payload,
-- $4 tenant, $5 lane, $6 queue, $7 type, $8 partition key, $9 priority, $10 max attempts, $11 max crashes,
-- $12 timeout ms; $13 the tenants of its request, for the policy, as $15 of insert_plain.sql.
-- An id that is there already is an error: see insert.sql.
-- Locks: only the new row. Index: primary key of job, job_claim (one entry each).
-- Returns one row: the time at which it was created and came due.
with behind as materialized (select set_config('perdura.tenants', $13::text, true)),
ins as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, timeout_ms, version, state, priority, max_attempts, max_crashes,
    has_data, queue, type, payload, partition_key)
  select $4::text, $2::uuid, $5::bigint, now(), $12::integer, 1, $1::smallint, $9::smallint, $10::smallint,
         $11::smallint, false, $6::text, $7::text, $3::text::json, $8::text
    from behind)
insert into perdura.counter_delta (tenant_id, queue, to_state, n)
select $4::text, $6::text, $1::smallint, 1 from behind
returning now() as c, null as told
