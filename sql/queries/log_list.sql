-- Lines of one job's log, ascending. $1 tenant, $2 id, $3 after this version and $4 number, $5 how many.
-- Locks: nothing.
-- Index: primary key of job_log.
select version as v, n, at, attempt as a, level, message, data
  from perdura.job_log
 where tenant_id = $1::text and job_id = $2::uuid and (version, n) > ($3::integer, $4::integer)
 order by version, n limit $5
