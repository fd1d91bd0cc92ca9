-- Remove expired leases that hold no job any more, but for quarantined ones: those must not hide
-- later leases from the sweep. $1 lease ids (array literal).
-- Locks: lease rows in id order, SKIP LOCKED. Index: primary keys of lease and job.
with empty as materialized (
  select le.id from perdura.lease le
   where le.id = any($1::uuid[]) and le.expires_at < now()
     and not exists (
       select from unnest(le.tenants, le.ids) as x(t, i)
         join perdura.job j on j.tenant_id = x.t and j.id = x.i where j.lease_id = le.id
          and not exists (select from perdura.quarantine q
                           where q.tenant_id = j.tenant_id and q.job_id = j.id))
   order by le.id for update skip locked)
delete from perdura.lease le using empty where le.id = empty.id
