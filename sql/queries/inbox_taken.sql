-- Which of these jobs ask for a key that a job of another payload has now. $1 tenants, $2 ids, $3 keys,
-- $4 payload hashes (array literals).
-- Locks: nothing. Index: primary keys of unique_key and job.
select r.i, r.key, u.job_id as holder
  from unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[]) as r(t, i, key, hash)
  join perdura.unique_key u on u.tenant_id = r.t and u.key = r.key
 where u.payload_hash <> r.hash
   and (u.expires_at >= now()
        or exists (select from perdura.job j where j.tenant_id = u.tenant_id and j.id = u.job_id))
