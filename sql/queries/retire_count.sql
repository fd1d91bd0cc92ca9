-- Ended jobs beyond the number that is to be kept, of all policies that name one. $1 how many per policy
-- and tenant, $2 how many at all.
-- Locks: nothing. Index: primary keys of job_archive and dead_letter, backwards; as many rows are passed as
-- are kept. The policy of a job is the most special one, as in retire_look.sql: it is counted and judged
-- by that alone.
select j.tenant_id as t, j.id as i, j.version as v, j.state as s, p.keeps_summary, null::integer as looked
  from perdura.retention p
  join perdura.tenant n on p.tenant_id in (n.id, '*')
  cross join lateral (
    select a.tenant_id, a.id, a.version, a.state from perdura.any_job a
     where a.home > 0 and a.tenant_id = n.id and a.state = p.state and p.type in (a.type, '*')
       and (p.tenant_id, p.type) = (
         select r.tenant_id, r.type from perdura.retention r
          where r.tenant_id in (n.id, '*') and r.type in (a.type, '*') and r.state = p.state
          order by r.tenant_id = '*', r.type = '*' limit 1)
     order by a.id desc offset p.max_count limit $1::integer) j
 where p.max_count is not null
 limit $2::integer
