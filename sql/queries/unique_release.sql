-- The holder of a key waits no longer. $1 tenant, $2 key, $3 the number of the row.
-- Locks: the row.
-- Index: primary key.
update perdura.unique_lock set waits_for = null, n = n + 1
 where tenant_id = $1::text and key = $2::text and n = $3::bigint
