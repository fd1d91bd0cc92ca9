-- Ordering keys whose first job is a dead letter that keeps its place. $1 tenant, $2 after this key, $3 how many.
-- Locks: nothing.
-- Index: place_blocked, primary keys of place and dead_letter.
select p.key, p.job_id as i, p.blocked_at as at, d.type as k, d.last_error->>'message' as error,
       (select count(*) from perdura.place w
         where w.tenant_id = p.tenant_id and w.key = p.key and (w.batch, w.n) > (p.batch, p.n)) as waiting
  from perdura.place p
  left join perdura.dead_letter d on d.tenant_id = p.tenant_id and d.id = p.job_id
 where p.tenant_id = $1::text and p.blocked_at is not null and p.key > $2::text
 order by p.key
 limit $3::integer
