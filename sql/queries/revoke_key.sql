-- Revoke an API key. $1 tenant (null: any), $2 id.
-- Locks: its row. Index: api_key_id.
-- A key that is revoked already stays as it was.
update perdura.api_key set revoked_at = coalesce(revoked_at, now())
 where id = $2::uuid and ($1::text is null or tenant_id = $1::text)
returning id as i
