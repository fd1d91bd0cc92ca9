-- Accept one job as the holder of a key. $1 initial state, $2 state of a job not yet due, $3 its event;
-- $4 .. $23 the job as of insert.sql; $24 key, $25 how long it is held at least (ms, null: while the job
-- lives), $26 the job whose end it waits for, $27 the number of the row that this was decided on (null:
-- there was none).
-- Locks: the key's row, then the new rows. Index: primary keys, job_claim.
-- The row is taken only if it is as it was when the caller looked: of two callers one decides again.
-- Returns the time, and a line of the job as insert.sql does; null: somebody was faster.
with x as materialized (
  select r.*, coalesce(r.at, now() + r.d * interval '1 millisecond', now()) as due
    from unnest(
      $4::text[], $5::uuid[], $6::bigint[], $7::text[], $8::text[],
      $9::smallint[], $10::smallint[], $11::smallint[], $12::integer[],
      $13::bigint[], $14::timestamptz[], $15::json[],
      $16::json[], $17::text[], $18::jsonb[],
      $19::jsonb[], $20::text[], $21::uuid[], $22::text[],
      $23::bigint[]
    ) as r(t, i, lane, q, k, p, ma, mc, ms, d, at, y, big, part, back, meta, tags, clone, key, hash)),
taken as (
  insert into perdura.unique_lock as u (tenant_id, key, job_id, until, waits_for)
  select t, $24::text, i, now() + $25::bigint * interval '1 millisecond', $26::uuid from x
  on conflict (tenant_id, key) do update
    set job_id = excluded.job_id, until = excluded.until, waits_for = excluded.waits_for, n = u.n + 1
    where u.n = $27::bigint
  returning tenant_id, job_id),
ins as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, timeout_ms, version, state, priority, max_attempts, max_crashes,
    has_data, queue, type, payload, partition_key, tags, backoff, metadata, cloned_from)
  select x.t, x.i, lane, greatest(due, now()), ms, case when due > now() then 2 else 1 end,
         case when due > now() then $2::smallint else $1::smallint end, p, ma, mc,
         big is not null, q, k, y, part, x.tags::text[], back, meta, clone
    from x join taken on taken.tenant_id = x.t and taken.job_id = x.i
  returning tenant_id, queue, state, id, version, run_at),
big as (
  insert into perdura.job_data (tenant_id, id, kind, value)
  select x.t, x.i, 0, x.big
    from x join ins on ins.tenant_id = x.t and ins.id = x.i where x.big is not null),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, to_state, n)
  select tenant_id, queue, state, 1 from ins),
history as (
  insert into perdura.transition (tenant_id, job_id, version, event, from_state, to_state, attempt)
  select tenant_id, id, 2, $3::smallint, $1::smallint, $2::smallint, 0 from ins where version = 2)
select now() as c, (select concat_ws(' ', id, state, version, run_at) from ins) as told
