-- Give a lock back. $1 tenant, $2 name, $3 token. Somebody else's is left alone.
-- Locks: the row.
-- Index: primary key.
delete from perdura.lock where tenant_id = $1::text and name = $2::text and token = $3::bigint
