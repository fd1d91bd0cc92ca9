-- Let an API key end after a while, sooner if it would anyway. $1 tenant (null: any), $2 id, $3 milliseconds.
-- Locks: its row.
-- Index: api_key_id. No row back: there is none of this tenant.
update perdura.api_key
   set expires_at = least(expires_at, now() + $3::bigint * interval '1 millisecond')
 where id = $2::uuid and ($1::text is null or tenant_id = $1::text)
returning id as i
