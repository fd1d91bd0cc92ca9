-- Store the result of a step as the last statement of the transaction that did its work. $1 tenant,
-- $2 id, $3 version, $4 lease, $5 name, $6 attempt, $7 value (JSON text).
-- Locks: the job row, shared, so that its version cannot move before the commit; the new row.
-- Index: primary keys of job and step. A result that is there already is an error: the work was done
-- before, by a commit whose answer was lost. Returns no row when the lease is not held.
insert into perdura.step (tenant_id, job_id, name, attempt, value)
select j.tenant_id, j.id, $5::text, $6::smallint, $7::text::jsonb
  from perdura.job j
 where j.tenant_id = $1::text and j.id = $2::uuid and j.version = $3::integer and j.lease_id = $4::uuid
   for share of j
returning 1 as saved
