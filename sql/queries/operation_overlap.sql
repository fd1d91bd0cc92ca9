-- An operation under way that has yet to come to some of the jobs of this one. $1 tenant, $2 this operation,
-- $3 status of actors that run, $4 the state they rest in for good.
-- Locks: nothing. Index: primary keys; operations are few.
-- Grouped, not joined: nothing tells the planner how many jobs there are in a part.
with others as materialized (
  select o.tenant_id, o.id
    from perdura.operation o
    join perdura.actor a on a.tenant_id = o.tenant_id and a.id = o.id::text
   where a.status = $3::text and a.state <> $4::text
     and (o.tenant_id, o.id) <> ($1::text, $2::uuid)),
jobs as (
  select r.t, r.i, null as other
    from perdura.operation_part p cross join lateral unnest(p.tenants, p.ids) as r(t, i)
   where p.tenant_id = $1::text and p.operation_id = $2::uuid and exists (select from others)
  union all
  select r.t, r.i, o.id::text
    from others o
    join perdura.operation_part p on p.tenant_id = o.tenant_id and p.operation_id = o.id
    cross join lateral unnest(p.tenants, p.ids) as r(t, i)
   where p.applied_at is null)
select max(other)::uuid as i from jobs
 group by t, i having count(other) > 0 and count(other) < count(*)
 limit 1
