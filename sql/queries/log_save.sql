-- Store lines that a running job has logged. $1 tenant, $2 id, $3 version, $4 lease, $5 attempt; array
-- literals: $6 numbers, $7 ages (ms), $8 levels, $9 messages, $10 data; $11 this claim's lines before that
-- number, and $12 the lines of claims before that version, are forgotten.
-- Locks: the job row, shared, so that the version cannot move under it; the new rows.
-- Index: primary keys of job and job_log. No row back: the lease was lost.
with mine as materialized (
  select tenant_id, id from perdura.job
   where tenant_id = $1::text and id = $2::uuid and version = $3::integer and lease_id = $4::uuid
     for share),
saved as (
  insert into perdura.job_log (tenant_id, job_id, version, n, at, attempt, level, message, data)
  select m.tenant_id, m.id, $3::integer, r.n, now() - r.age * interval '1 millisecond', $5::smallint,
         r.level, r.message, r.data
    from mine m cross join unnest($6::integer[], $7::double precision[], $8::text[], $9::text[], $10::json[])
      as r(n, age, level, message, data)
  on conflict (tenant_id, job_id, version, n) do nothing),
forgotten as (
  delete from perdura.job_log l using mine m
   where l.tenant_id = m.tenant_id and l.job_id = m.id
     and (l.version < $12::integer or (l.version = $3::integer and l.n < $11::integer)))
select id as i from mine
