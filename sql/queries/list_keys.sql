-- A page of API keys, newest first. $1 tenant (null: all), $2 how many, $3 the key to begin after (null: none).
-- Locks: nothing. Index: primary key of api_key; the table is small.
-- The hash stays in the database.
select tenant_id, id, name, '' as secret_hash, to_jsonb(scopes) as scopes, created_at, expires_at, revoked_at, last_used_at,
       revoked_at is null and coalesce(expires_at, 'infinity') > now() as is_live
  from perdura.api_key
 where ($1::text is null or tenant_id = $1::text) and ($3::uuid is null or id < $3::uuid)
 order by id desc limit $2::integer
