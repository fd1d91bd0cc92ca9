-- One API key by its id. $1 id. Where there is none, another one (is_asked false): an id that is not known costs
-- the server, and who reads its answer, what a wrong secret does. Both are looked for each time.
-- Locks: nothing. Index: api_key_id.
-- Whether it is still good is judged by the database clock.
with found as (
  (select k.* from perdura.api_key k where k.id = $1::uuid)
  union all
  (select k.* from perdura.api_key k order by k.id limit 1))
select tenant_id, id, name, secret_hash, to_jsonb(scopes) as scopes, created_at, expires_at, revoked_at, last_used_at,
       revoked_at is null and coalesce(expires_at, 'infinity') > now() as is_live, id = $1::uuid as is_asked
  from found order by is_asked desc limit 1
