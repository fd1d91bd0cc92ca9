-- How many jobs failed, exactly, and the database's time: what came later is not among them.
-- $1 tenant (null: all), $2 from, $3 to (instants, null: open), $4 ids (array literal, null: any),
-- $5 type, $6 text of the error, $7 states of live jobs (array). The same choice as failed.sql.
-- Locks: nothing. Index: primary keys of dead_letter and job, all rows of the tenant.
select now() as at,
  (select count(*) from perdura.dead_letter d
    where ($1::text is null or d.tenant_id = $1::text)
      and ($2::text is null or d.finished_at >= $2::text::timestamptz)
      and ($3::text is null or d.finished_at <= $3::text::timestamptz)
      and ($4::uuid[] is null or d.id = any($4::uuid[]))
      and ($5::text is null or d.type = $5::text)
      and ($6::text is null or position(lower($6::text) in lower(d.last_error::text)) > 0))::integer
  + (select count(*) from perdura.job j
    where ($1::text is null or j.tenant_id = $1::text)
      and j.state = any($7::smallint[])
      and ($2::text is null or coalesce((j.last_error->>'at')::timestamptz, j.started_at) >= $2::text::timestamptz)
      and ($3::text is null or coalesce((j.last_error->>'at')::timestamptz, j.started_at) <= $3::text::timestamptz)
      and ($4::uuid[] is null or j.id = any($4::uuid[]))
      and ($5::text is null or j.type = $5::text)
      and ($6::text is null or position(lower($6::text) in lower(j.last_error::text)) > 0))::integer
  as n
