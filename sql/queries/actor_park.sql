-- Take the mail of actors that do not run out of the way of others. Array literals: $1 tenant, $2 id;
-- $3 the status of those that run, $4 statuses of those that have ended, which still read their mail.
-- Locks: the actors' rows, shared: a resume that is under way comes before or after as a whole.
-- Index: primary keys of actor and mailbox.
with x as materialized (
  select a.tenant_id, a.id from perdura.actor a
    join unnest($1::text[], $2::text[]) as n(t, i) on a.tenant_id = n.t and a.id = n.i
   where a.status <> $3::text and a.status <> all($4::text[])
   order by a.tenant_id, a.id for share of a)
update perdura.mailbox m set parked = true from x
 where m.tenant_id = x.tenant_id and m.actor_id = x.id and not m.parked
