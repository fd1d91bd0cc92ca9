-- One page of the jobs that failed: dead letters, and live ones that wait for their next attempt.
-- $1 tenant (null: all), $2 from, $3 to (instants, null: open), $4 ids (array literal, null: any),
-- $5 type, $6 text of the error, $7 states of live jobs (array), then where the page begins: $8 tenant,
-- $9 id; $10 how many.
-- Locks: nothing. Index: primary keys of dead_letter and job in key order; all rows of the tenant behind
-- the cursor may be looked at. A live job's time is that of its last error.
select f.tenant_id as t, f.id as i from (
  (select d.tenant_id, d.id from perdura.dead_letter d
    where ($1::text is null or d.tenant_id = $1::text) and (d.tenant_id, d.id) > ($8::text, $9::uuid)
      and ($2::text is null or d.finished_at >= $2::text::timestamptz)
      and ($3::text is null or d.finished_at <= $3::text::timestamptz)
      and ($4::uuid[] is null or d.id = any($4::uuid[]))
      and ($5::text is null or d.type = $5::text)
      and ($6::text is null or position(lower($6::text) in lower(d.last_error::text)) > 0)
    order by d.tenant_id, d.id limit $10::integer)
  union all
  (select j.tenant_id, j.id from perdura.job j
    where ($1::text is null or j.tenant_id = $1::text) and (j.tenant_id, j.id) > ($8::text, $9::uuid)
      and j.state = any($7::smallint[])
      and ($2::text is null or coalesce((j.last_error->>'at')::timestamptz, j.started_at) >= $2::text::timestamptz)
      and ($3::text is null or coalesce((j.last_error->>'at')::timestamptz, j.started_at) <= $3::text::timestamptz)
      and ($4::uuid[] is null or j.id = any($4::uuid[]))
      and ($5::text is null or j.type = $5::text)
      and ($6::text is null or position(lower($6::text) in lower(j.last_error::text)) > 0)
    order by j.tenant_id, j.id limit $10::integer)) f
 order by f.tenant_id, f.id limit $10::integer
