-- What a job with an ordering key waits for: the first of its key. $1 tenant, $2 key, $3 id of the job.
-- Locks: nothing. Index: primary keys of place and job.
-- No row: the job has no place any more.
select p.job_id as i, p.blocked_at is not null as blocked, j.state as s,
       (select count(*) from perdura.place a
         where a.tenant_id = o.tenant_id and a.key = o.key and (a.batch, a.n) < (o.batch, o.n)) as ahead
  from perdura.place o
  cross join lateral (
    select p.* from perdura.place p
     where p.tenant_id = o.tenant_id and p.key = o.key order by p.batch, p.n limit 1) p
  left join perdura.job j on j.tenant_id = p.tenant_id and j.id = p.job_id
 where o.tenant_id = $1::text and o.key = $2::text and o.job_id = $3::uuid
