-- Throw away mail for actors that are not there. Array literals: $1 tenant, $2 actor.
-- Locks: the mail.
-- Index: primary keys. One that has come to be in the meantime keeps its mail.
delete from perdura.mailbox m using unnest($1::text[], $2::text[]) as n(t, i)
 where m.tenant_id = n.t and m.actor_id = n.i and m.due_at <= now()
   and not exists (select from perdura.actor a where a.tenant_id = n.t and a.id = n.i)
returning m.id
