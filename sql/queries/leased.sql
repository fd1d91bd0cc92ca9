-- The jobs of one lease, in the form of claim.sql. $1 lease id.
-- Locks: nothing. Index: primary keys of lease, job and job_data.
-- Read when the answer to a claim was lost: the claim may have been committed.
select concat_ws(E'\x1f', j.id,
                 concat_ws(E'\x1e', j.tenant_id, j.lane, j.type, j.queue, j.priority, j.max_attempts,
                           j.crashes, j.max_crashes, j.timeout_ms),
                 j.run_at, j.version, j.attempt, j.created_at,
                 case when coalesce(j.backoff, j.metadata, to_jsonb(j.tags),
                                    j.last_error -> 'traceparent') is not null
                      then jsonb_build_object('backoff', j.backoff, 'metadata', j.metadata,
                                              'tags', j.tags,
                                              'failed', j.last_error -> 'traceparent')::text
                      else '' end,
                 case when j.has_data
                      then (select d.value from perdura.job_data d
                             where d.tenant_id = j.tenant_id and d.id = j.id and d.kind = 0)
                      else j.payload end) as jobs, le.holds_slots
  from perdura.lease le, unnest(le.tenants, le.ids) as x(t, i)
  join perdura.job j on j.tenant_id = x.t and j.id = x.i
 where le.id = $1::uuid and j.lease_id = le.id
