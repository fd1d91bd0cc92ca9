-- Accept a batch of jobs. Their rows tell of their ENQUEUE; of a job that is not yet due, `transition`
-- has the second step.
-- $1 initial state, $2 state of a job not yet due, $3 its event, $4 life of a key (ms);
-- then one array literal per column: $5 tenant .. $24 payload hash; $25: they come from the inbox.
-- All or none of a call.
-- Locks: key rows in (tenant, key) order, so that two batches never wait for each other in a ring;
-- then the new rows. Index: primary keys of unique_key and job, job_claim (one entry).
-- Whether the job of an expired key lives is asked as a value: "not exists" may be answered by reading all of `job`.
-- Whether a job is due is judged by the database clock alone. A key that is taken keeps its job until
-- that has ended and the key has expired: the caller gets the ids that were inserted. An id that is there already is an error:
-- only a statement that was sent twice has one, and looking for it would cost every insert a third.
-- Returns one row: the time, and a line for each inserted job that has a key or is not due. All others
-- are in, in the initial state, created and due at that time.
-- $25: only what this statement itself takes out of the inbox, so that of two drivers one makes the job.
with x as materialized (
  select r.*, coalesce(r.at, now() + r.d * interval '1 millisecond', now()) as due
    from unnest(
      $5::text[], $6::uuid[], $7::bigint[], $8::text[], $9::text[],
      $10::smallint[], $11::smallint[], $12::smallint[], $13::integer[],
      $14::bigint[], $15::timestamptz[], $16::json[],
      $17::json[], $18::text[], $19::jsonb[],
      $20::jsonb[], $21::text[], $22::uuid[], $23::text[],
      $24::bigint[]
    ) as r(t, i, lane, q, k, p, ma, mc, ms, d, at, y, big, part, back, meta, tags, clone, key, hash)),
mail as (
  delete from perdura.inbox m using x where $25::boolean and m.tenant_id = x.t and m.id = x.i
  returning m.tenant_id, m.id),
taken as (
  insert into perdura.unique_key as u (tenant_id, key, job_id, payload_hash, expires_at)
  select t, key, i, hash, now() + $4::bigint * interval '1 millisecond' from x
   where key is not null and (not $25::boolean or (t, i) in (select tenant_id, id from mail))
   order by t, key
  on conflict (tenant_id, key) do update
    set job_id = excluded.job_id, payload_hash = excluded.payload_hash,
        expires_at = excluded.expires_at
    where u.expires_at < now()
      and (select j.id from perdura.job j where j.tenant_id = u.tenant_id and j.id = u.job_id) is null
  returning tenant_id, job_id),
ins as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, timeout_ms, version, state, priority, max_attempts, max_crashes,
    has_data, queue, type, payload, partition_key, tags, backoff, metadata, cloned_from,
    idempotency_key)
  select x.t, x.i, lane, greatest(due, now()), ms, case when due > now() then 2 else 1 end,
         case when due > now() then $2::smallint else $1::smallint end, p, ma, mc,
         big is not null, q, k, y, part, tags::text[], back, meta, clone, x.key
    from x
   where (x.key is null or (x.t, x.i) in (select tenant_id, job_id from taken))
     and (not $25::boolean or (x.t, x.i) in (select tenant_id, id from mail))
  returning tenant_id, queue, state, id, version, has_data, run_at, idempotency_key),
big as (
  insert into perdura.job_data (tenant_id, id, kind, value)
  select x.t, x.i, 0, x.big
    from x join ins on ins.tenant_id = x.t and ins.id = x.i where x.big is not null),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, to_state, n)
  select tenant_id, queue, state, count(*) from ins group by tenant_id, queue, state),
history as (
  insert into perdura.transition (tenant_id, job_id, version, event, from_state, to_state, attempt)
  select tenant_id, id, 2, $3::smallint, $1::smallint, $2::smallint, 0 from ins where version = 2)
select now() as c,
       (select string_agg(concat_ws(' ', id, state, version, run_at), E'\n') from ins
         where version = 2 or idempotency_key is not null or $25::boolean) as told
