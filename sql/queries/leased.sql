-- The jobs of one lease, in the form of claim.sql. $1 lease id.
-- Locks: nothing. Index: primary keys of lease, job and job_data.
-- Read when the answer to a claim was lost: the claim may have been committed.
select j.tenant_id as t, j.id as i, j.lane as l, j.queue as q, j.type as k, j.priority as p,
       j.run_at::text as r, j.version as v, j.attempt as a, j.max_attempts as ma, j.crashes as cr,
       j.max_crashes as mc, j.timeout_ms as ms, j.backoff as back, j.metadata as meta, to_jsonb(j.tags) as tags,
       j.created_at as at,
       case when j.has_data
            then (select d.value from perdura.job_data d
                   where d.tenant_id = j.tenant_id and d.id = j.id and d.kind = 0)
            else j.payload end as y
  from perdura.lease le, unnest(le.tenants, le.ids) as x(t, i)
  join perdura.job j on j.tenant_id = x.t and j.id = x.i
 where le.id = $1::uuid and j.lease_id = le.id
