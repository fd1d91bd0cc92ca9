-- Which of these jobs ask for a key that a job has now. $1 tenants, $2 ids, $3 keys, $4 payload hashes
-- (array literals).
-- Locks: nothing. Index: primary keys of unique_key and job.
-- Gives who has it, and whether its payload is another. A key that is to be had again has nobody.
select r.i, r.key, u.job_id as holder, u.payload_hash <> r.hash as differs
  from unnest($1::text[], $2::uuid[], $3::text[], $4::bigint[]) as r(t, i, key, hash)
  join perdura.unique_key u on u.tenant_id = r.t and u.key = r.key
 where u.expires_at >= now()
    or exists (select from perdura.job j where j.tenant_id = u.tenant_id and j.id = u.job_id)
