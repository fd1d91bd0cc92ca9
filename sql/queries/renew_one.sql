-- Renew the lease of one job that is named, and learn whether somebody wants it cancelled. $1 tenant, $2 id,
-- $3 version, $4 lease id, $5 lease ms.
-- Locks: the lease row. Index: primary keys of lease and job. HOT update.
-- Only a lease that was made for this job alone: one of a batch is of other jobs too, and of other tenants, and
-- their worker renews it. That one is given back with null. Never past hard_until, and never back: see renew.sql.
-- No row back: it was taken over, or is over.
with held as materialized (
  select le.id, cardinality(le.ids) = 1 as is_alone, j.cancel_requested_at as asked
    from perdura.job j join perdura.lease le on le.id = j.lease_id
   where j.tenant_id = $1::text and j.id = $2::uuid and j.version = $3::integer
     and le.id = $4::uuid and le.expires_at > now()
     for update of le),
renewed as (
  update perdura.lease le
     set expires_at = least(
           greatest(le.expires_at, now() + $5::integer * interval '1 millisecond'), le.hard_until)
    from held where le.id = any(array[held.id]) and held.is_alone
  returning le.expires_at)
select held.asked, (select expires_at from renewed) as until from held
