-- Keep a lock. $1 tenant, $2 name, $3 token, $4 ttl (ms).
-- Locks: the row.
-- Index: primary key. No row back: it is lost.
update perdura.lock set expires_at = now() + $4::integer * interval '1 millisecond'
 where tenant_id = $1::text and name = $2::text and token = $3::bigint and expires_at >= now()
returning token::text
