-- Who has a key. $1 tenant, $2 key.
-- Locks: nothing.
-- Index: primary key.
select job_id as i, n, coalesce(until > now(), false) as within, waits_for as w
  from perdura.unique_lock where tenant_id = $1::text and key = $2::text
