-- Store an API key. $1 tenant, $2 id, $3 name, $4 hash, $5 scopes (array literal), $6 expires at or null,
-- $7 only when there is no live platform key yet.
-- Locks: the new row. Index: primary key of api_key.
-- With $7 all callers bring the same id: of two at once one waits for the other, finds its row, and
-- leaves it alone. No row back: there was a live one.
insert into perdura.api_key as k (tenant_id, id, name, secret_hash, scopes, expires_at)
select $1::text, $2::uuid, $3::text, $4::text, $5::text[], $6::text::timestamptz
 where not $7::boolean or not exists (
   select from perdura.api_key
    where tenant_id = $1::text and 'platform' = any(scopes) and revoked_at is null and coalesce(expires_at, 'infinity') > now())
on conflict (tenant_id, id) do update
  set name = excluded.name, secret_hash = excluded.secret_hash, scopes = excluded.scopes,
      expires_at = excluded.expires_at, created_at = now(), revoked_at = null, last_used_at = null
  where k.revoked_at is not null or k.expires_at <= now()
returning id as i
