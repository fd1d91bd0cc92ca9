-- The id of the n-th newest job of a tenant, live and ended together. $1 tenant, $2 n, from 1.
-- Locks: nothing.
-- Index: the primary keys of the three homes, index-only; reads n entries of each at most.
select e.i from (
  (select j.id as i from perdura.job j where j.tenant_id = $1::text
    order by j.id desc limit $2::integer)
  union all
  (select j.id from perdura.job_archive j where j.tenant_id = $1::text
    order by j.id desc limit $2::integer)
  union all
  (select j.id from perdura.dead_letter j where j.tenant_id = $1::text
    order by j.id desc limit $2::integer)) e
 order by e.i desc offset $2::integer - 1 limit 1
