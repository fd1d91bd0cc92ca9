-- One page of a tenant's jobs, live and ended together, newest first. $1 tenant, $2 before this id,
-- $3 states (array literal), $4 type, $5 queue (null each: all), $6 how many, $7 tag, $8 text, $9 not
-- below this id, $10 live, $11 archive, $12 dead letters (booleans: whether to look there).
-- Locks: nothing. Index: the primary keys of the homes, backwards from the id. Filters are checked row
-- by row: list_edge.sql says where a look with a filter ends, so that it reads a bounded number.
-- One statement, one snapshot: a job that moves between homes is on the page once.
with page as (
  select * from (
    (select j.tenant_id, j.id, j.lane, j.run_at, j.created_at, j.started_at,
            null::timestamptz as finished_at, j.cancel_requested_at, j.lease_id, j.timeout_ms,
            j.version, j.state, j.priority, j.attempt, j.max_attempts, j.crashes, j.max_crashes,
            j.has_data, false as has_output, j.queue, j.type, j.payload, null::json as output,
            j.partition_key, j.idempotency_key, j.tags, j.backoff, j.metadata, j.progress,
            j.last_error, j.cloned_from, j.parent_id, j.ordering_key, j.limit_key
       from perdura.job j
      where $10::boolean and j.tenant_id = $1::text and j.id < $2::uuid and j.id >= $9::uuid
        and ($3::smallint[] is null or j.state = any($3::smallint[]))
        and ($4::text is null or j.type = $4::text)
        and ($5::text is null or j.queue = $5::text)
        and ($7::text is null or j.tags @> array[$7::text])
        and ($8::text is null or position(lower($8::text) in lower(concat_ws(' ', j.type, j.queue,
              j.partition_key, j.idempotency_key, array_to_string(j.tags, ' '),
              j.last_error->>'message', j.payload::text))) > 0)
      order by j.id desc limit $6::integer)
    union all
    (select j.tenant_id, j.id, j.lane, j.run_at, j.created_at, j.started_at,
            j.finished_at, j.cancel_requested_at, null, j.timeout_ms,
            j.version, j.state, j.priority, j.attempt, j.max_attempts, j.crashes, j.max_crashes,
            j.has_data, j.has_output, j.queue, j.type, j.payload, j.output,
            j.partition_key, j.idempotency_key, j.tags, j.backoff, j.metadata, j.progress,
            j.last_error, j.cloned_from, j.parent_id, j.ordering_key, j.limit_key
       from perdura.job_archive j
      where $11::boolean and j.tenant_id = $1::text and j.id < $2::uuid and j.id >= $9::uuid
        and ($3::smallint[] is null or j.state = any($3::smallint[]))
        and ($4::text is null or j.type = $4::text)
        and ($5::text is null or j.queue = $5::text)
        and ($7::text is null or j.tags @> array[$7::text])
        and ($8::text is null or position(lower($8::text) in lower(concat_ws(' ', j.type, j.queue,
              j.partition_key, j.idempotency_key, array_to_string(j.tags, ' '),
              j.last_error->>'message', j.payload::text))) > 0)
      order by j.id desc limit $6::integer)
    union all
    (select j.tenant_id, j.id, j.lane, j.run_at, j.created_at, j.started_at,
            j.finished_at, j.cancel_requested_at, null, j.timeout_ms,
            j.version, j.state, j.priority, j.attempt, j.max_attempts, j.crashes, j.max_crashes,
            j.has_data, j.has_output, j.queue, j.type, j.payload, j.output,
            j.partition_key, j.idempotency_key, j.tags, j.backoff, j.metadata, j.progress,
            j.last_error, j.cloned_from, j.parent_id, j.ordering_key, j.limit_key
       from perdura.dead_letter j
      where $12::boolean and j.tenant_id = $1::text and j.id < $2::uuid and j.id >= $9::uuid
        and ($3::smallint[] is null or j.state = any($3::smallint[]))
        and ($4::text is null or j.type = $4::text)
        and ($5::text is null or j.queue = $5::text)
        and ($7::text is null or j.tags @> array[$7::text])
        and ($8::text is null or position(lower($8::text) in lower(concat_ws(' ', j.type, j.queue,
              j.partition_key, j.idempotency_key, array_to_string(j.tags, ' '),
              j.last_error->>'message', j.payload::text))) > 0)
      order by j.id desc limit $6::integer)) p
   order by id desc limit $6::integer)
select f.*, to_jsonb(f.tags) as tag_list, le.worker as lease_owner, le.expires_at as lease_until,
       p.value as big_payload, o.value as big_output
  from page f
  left join perdura.lease le on le.id = f.lease_id
  left join perdura.job_data p
    on f.has_data and p.tenant_id = f.tenant_id and p.id = f.id and p.kind = 0
  left join perdura.job_data o
    on f.has_output and o.tenant_id = f.tenant_id and o.id = f.id and o.kind = 1
 order by f.id desc
