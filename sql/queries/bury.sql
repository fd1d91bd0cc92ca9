-- Make a dead letter of an inbox row that cannot become a job. $1 tenant, $2 id, $3 type, $4 queue,
-- $5 lane, $6 initial state, $7 running, $8 dead, $9 code of CLAIM, $10 code of FAIL, $11 payload,
-- $12 error, $13 cause, $14 timeout ms, $15 priority, $16 max attempts, $17 max crashes, $18 partition
-- key, $19 ordering key, $20 limit key, $21 idempotency key, $22 tags, $23 backoff, $24 metadata.
-- Locks: the inbox row, then the new rows. Index: primary key of inbox.
-- The history is one that the machine takes: claimed and failed in one commit, by nobody.
-- No row back: somebody else has taken the row. Its keys are its own only when it is requeued: nobody
-- waits for it in its order, and another job may have its idempotency key.
with mail as (
  delete from perdura.inbox where tenant_id = $1::text and id = $2::uuid
  returning tenant_id, id, at),
dead as (
  insert into perdura.dead_letter (
    tenant_id, id, lane, run_at, created_at, started_at, timeout_ms, version, state, priority, attempt,
    max_attempts, crashes, max_crashes, has_data, has_output, queue, type, payload, last_error,
    partition_key, ordering_key, limit_key, idempotency_key, tags, backoff, metadata)
  select tenant_id, id, $5::bigint, at, at, now(), $14::integer, 3, $8::smallint, $15::smallint, 1,
         $16::smallint, 0, $17::smallint, false, false, $4::text, $3::text, $11::text::json,
         $12::text::jsonb, $18::text, $19::text, $20::text, $21::text, $22::text::text[],
         $23::text::jsonb, $24::text::jsonb
    from mail
  returning tenant_id, id),
grouped as (
  insert into perdura.error_delta (tenant_id, fingerprint, n)
  select tenant_id, coalesce($12::text::jsonb ->> 'fingerprint', ''), 1 from dead),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, to_state, n)
  select tenant_id, $4::text, $8::smallint, 1 from dead),
history as (
  insert into perdura.transition (
    tenant_id, job_id, version, event, from_state, to_state, attempt, cause)
  select tenant_id, id, 2, $9::smallint, $6::smallint, $7::smallint, 1, null from dead
  union all
  select tenant_id, id, 3, $10::smallint, $7::smallint, $8::smallint, 1, $13::text from dead)
select id as i from dead
