-- Change a waiting job. $1 tenant, $2 id, $3 version, $4 from-state, $5 to-state, $6 event, $7 cause,
-- $8 delay ms or null, $9 instant or null (neither: it keeps its due time), $10 lane, $11 queue,
-- $12 partition key, $13 priority, $14 max attempts, $15 max crashes, $16 timeout ms, $17 tags (array
-- literal), $18 backoff, $19 metadata (JSON text), $20 whether the payload changes, $21 payload when
-- small, $22 payload when large (JSON text).
-- Locks: the job row. Index: primary key of job; job_claim when lane, priority or due time change.
-- Guarded by the version, so that the values which the caller kept are those that are stored.
with edited as (
  update perdura.job j
     set state = $5::smallint, version = j.version + 1,
         run_at = case when $9::text is not null then greatest($9::text::timestamptz, now())
                       when $8::bigint is not null then now() + $8::bigint * interval '1 millisecond'
                       else j.run_at end,
         lane = case when j.ordering_key is null then $10::bigint else $10::bigint | (j.lane & 1) end, queue = $11::text, partition_key = $12::text, priority = $13::smallint,
         max_attempts = $14::smallint, max_crashes = $15::smallint, timeout_ms = $16::integer,
         tags = $17::text[], backoff = $18::text::jsonb, metadata = $19::text::jsonb,
         payload = case when $20::boolean then $21::text::json else j.payload end,
         has_data = case when $20::boolean then $22::text is not null else j.has_data end
    from (select queue as was from perdura.job where tenant_id = $1::text and id = $2::uuid) o
   where j.tenant_id = $1::text and j.id = $2::uuid and j.version = $3::integer
     and j.state = $4::smallint
  returning j.tenant_id, j.id, j.queue, j.version, j.attempt, o.was),
data as (
  insert into perdura.job_data (tenant_id, id, kind, value)
  select tenant_id, id, 0, $22::text::json from edited where $22::text is not null
  on conflict (tenant_id, id, kind) do update set value = excluded.value),
history as (
  insert into perdura.transition (
    tenant_id, job_id, version, event, from_state, to_state, attempt, cause)
  select tenant_id, id, version, $6::smallint, $4::smallint, $5::smallint, attempt, $7::text from edited),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, was, $4::smallint, null, 1 from edited
  union all
  select tenant_id, queue, null, $5::smallint, 1 from edited)
select id as i from edited
