-- Who holds these idempotency keys. $1 tenants, $2 keys (array literals).
-- Locks: nothing. Index: primary key of unique_key.
-- A statement of its own, after the insert: a holder that committed meanwhile is in no older snapshot.
select u.tenant_id as t, u.key, u.job_id as i, u.payload_hash as hash
  from unnest($1::text[], $2::text[]) as r(t, key)
  join perdura.unique_key u on u.tenant_id = r.t and u.key = r.key
