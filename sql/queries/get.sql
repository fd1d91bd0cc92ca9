-- One job by id, wherever it lives. $1 tenant (null: any), $2 id, $3 tenant tag of the id.
-- Locks: nothing. Index: the primary keys, one probe per home and candidate tenant; tenant_tag.
-- Without a tenant, only those with the tag that is in the id: one in 4,096.
-- One statement, one snapshot: a job that moves between homes is never a 404.
with candidate as (
  select $1::text as id where $1::text is not null
  union all
  select t.id from perdura.tenant t where $1::text is null and t.tag = $3::smallint),
found as (
  select j.tenant_id, j.id, j.lane, j.run_at, j.created_at, j.started_at,
         null::timestamptz as finished_at, j.cancel_requested_at, j.lease_id, j.timeout_ms, j.version,
         j.state, j.priority, j.attempt, j.max_attempts, j.crashes, j.max_crashes, j.has_data,
         false as has_output, j.queue, j.type, j.payload, null::json as output, j.partition_key,
         j.idempotency_key, j.tags, j.backoff, j.metadata, j.progress, j.last_error, j.cloned_from,
         j.parent_id, j.ordering_key, j.limit_key
    from candidate c join perdura.job j on j.tenant_id = c.id and j.id = $2::uuid
  union all
  select a.tenant_id, a.id, a.lane, a.run_at, a.created_at, a.started_at, a.finished_at,
         a.cancel_requested_at, null, a.timeout_ms, a.version, a.state, a.priority, a.attempt,
         a.max_attempts, a.crashes, a.max_crashes, a.has_data, a.has_output, a.queue, a.type,
         a.payload, a.output, a.partition_key, a.idempotency_key, a.tags, a.backoff, a.metadata,
         a.progress, a.last_error, a.cloned_from, a.parent_id, a.ordering_key, a.limit_key
    from candidate c join perdura.job_archive a on a.tenant_id = c.id and a.id = $2::uuid
  union all
  select d.tenant_id, d.id, d.lane, d.run_at, d.created_at, d.started_at, d.finished_at,
         d.cancel_requested_at, null, d.timeout_ms, d.version, d.state, d.priority, d.attempt,
         d.max_attempts, d.crashes, d.max_crashes, d.has_data, d.has_output, d.queue, d.type,
         d.payload, d.output, d.partition_key, d.idempotency_key, d.tags, d.backoff, d.metadata,
         d.progress, d.last_error, d.cloned_from, d.parent_id, d.ordering_key, d.limit_key
    from candidate c join perdura.dead_letter d on d.tenant_id = c.id and d.id = $2::uuid)
select f.*, to_jsonb(f.tags) as tag_list, le.worker as lease_owner, le.expires_at as lease_until, p.value as big_payload,
       o.value as big_output
  from found f
  left join perdura.lease le on le.id = f.lease_id
  left join perdura.job_data p
    on f.has_data and p.tenant_id = f.tenant_id and p.id = f.id and p.kind = 0
  left join perdura.job_data o
    on f.has_output and o.tenant_id = f.tenant_id and o.id = f.id and o.kind = 1
