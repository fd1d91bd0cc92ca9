-- Ended jobs beyond the number that is to be kept, of all policies that name one. $1 how many per policy
-- and tenant, $2 how many at all.
-- Locks: nothing. Index: primary keys of job_archive and dead_letter, backwards; as many rows are passed as
-- are kept.
select j.tenant_id as t, j.id as i, j.version as v, j.state as s, p.keeps_summary, null::integer as looked
  from perdura.retention p
  join perdura.tenant n on p.tenant_id in (n.id, '*')
  cross join lateral (
    select a.tenant_id, a.id, a.version, a.state from perdura.any_job a
     where a.home > 0 and a.tenant_id = n.id and a.state = p.state and p.type in (a.type, '*')
     order by a.id desc offset p.max_count limit $1::integer) j
 where p.max_count is not null
   and not exists (
     select from perdura.retention s
      where p.tenant_id = '*' and s.tenant_id = n.id and s.type = p.type and s.state = p.state)
 limit $2::integer
