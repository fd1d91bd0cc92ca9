-- Remove expired leases that hold no job any more, and what is left of their slots. $1 lease ids (array literal).
-- Locks: lease rows in id order, SKIP LOCKED. Index: primary keys of lease and job, slot_lease.
-- The check is repeated here: a lease with a job left stays.
with empty as materialized (
  select le.id from perdura.lease le
   where le.id = any($1::uuid[]) and le.expires_at < now()
     and not exists (
       select from unnest(le.tenants, le.ids) as x(t, i)
         join perdura.job j on j.tenant_id = x.t and j.id = x.i
        where j.lease_id = le.id)
   order by le.id for update skip locked),
dropped as (
  delete from perdura.slot s where s.lease_id = any(array(select id from empty)))
delete from perdura.lease le using empty where le.id = any(array[empty.id])
