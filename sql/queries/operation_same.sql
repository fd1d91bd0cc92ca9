-- An operation under way that was asked for in the same words. $1 tenant, $2 action, $3 filter (JSON),
-- $4 status of actors that run, $5 the state they rest in for good.
-- Locks: nothing. Index: primary keys; operations are few.
select o.id as i
  from perdura.operation o
  join perdura.actor a on a.tenant_id = o.tenant_id and a.id = o.id::text
 where o.tenant_id = $1::text and o.action = $2::text and o.filter::jsonb = $3::text::jsonb
   and a.status = $4::text and a.state <> $5::text
 limit 1
