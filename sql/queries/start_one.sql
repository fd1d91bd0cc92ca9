-- Accept one plain job that its own process starts right after the commit: insert_started.sql for the job that
-- comes alone. $1 running state; $2 to $12 as of insert_one.sql; $13 lease id, $14 worker, $15 lease ms,
-- $16 grace ms, $17 the change of the gates that the caller knows (null: any). No row back: nothing is stored.
-- Only for lanes without limits in which nothing waits. History: see insert_started.sql.
-- Locks: only the new rows. Index: primary keys of job and lease, job_claim (one entry each).
-- Returns one row: the time at which it was created, and began.
with known as materialized (
  select 1 where $17::bigint is null or exists (select from perdura.gate_change c where c.n = $17::bigint)),
ins as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, started_at, lease_id, timeout_ms, version, state, attempt, priority,
    max_attempts, max_crashes, has_data, queue, type, payload, partition_key)
  select $4::text, $2::uuid, $5::bigint, now(), now(), $13::uuid, $12::integer, 2, $1::smallint, 1, $9::smallint,
         $10::smallint, $11::smallint, false, $6::text, $7::text, $3::text::json, $8::text
    from known),
leased as (
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  select $13::uuid, $14::uuid, now(), now() + $15::integer * interval '1 millisecond',
         now() + ($12::integer::bigint + $16::integer) * interval '1 millisecond', 1, array[$4::text], array[$2::uuid]
    from known)
insert into perdura.counter_delta (tenant_id, queue, to_state, n)
select $4::text, $6::text, $1::smallint, 1 from known
returning now() as c, now()::text as r
