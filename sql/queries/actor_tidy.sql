-- What keeps the tables of actors true, by whoever sweeps. $1 the status of actors that run.
-- Locks: the rows it changes. Index: mailbox_parked, activity_stopped; primary keys.
-- Parked mail of an actor that runs is offered again; turns that are over are forgotten.
with over as (delete from perdura.turn where until < now() - interval '1 minute'),
late as (
  select m.tenant_id, m.actor_id, m.id from perdura.mailbox m
    join perdura.actor a on a.tenant_id = m.tenant_id and a.id = m.actor_id
   where m.parked and not m.deferred and a.status = $1::text limit 1000)
update perdura.mailbox m set parked = false from late
 where m.tenant_id = late.tenant_id and m.actor_id = late.actor_id and m.id = late.id
returning m.id
