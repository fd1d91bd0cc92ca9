-- One API key by its id. $1 id.
-- Locks: nothing. Index: api_key_id.
-- Whether it is still good is judged by the database clock.
select tenant_id, id, name, secret_hash, to_jsonb(scopes) as scopes, created_at, expires_at, revoked_at, last_used_at,
       revoked_at is null and coalesce(expires_at, 'infinity') > now() as is_live
  from perdura.api_key where id = $1::uuid
