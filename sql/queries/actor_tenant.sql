-- The tenant of an actor of which only the address is known; one of them, if several have it. $1 address.
-- Locks: nothing.
-- Index: primary key of actor, one probe per tenant.
select t.id as t
  from perdura.tenant t
 where exists (select from perdura.actor a where a.tenant_id = t.id and a.id = $1::text)
 order by t.id limit 1
