-- Throw away mail for actors that are not there. Array literals: $1 tenant, $2 actor; $3 the type of what
-- asks for a start in the inbox.
-- Locks: the mail.
-- Index: primary keys; the inbox is small. One that has come to be in the meantime keeps its mail, and so does
-- one whose start waits in the inbox: both may have been asked for in one transaction.
delete from perdura.mailbox m using unnest($1::text[], $2::text[]) as n(t, i)
 where m.tenant_id = n.t and m.actor_id = n.i and m.due_at <= now()
   and not exists (
     select from perdura.inbox x
      where x.tenant_id = n.t and x.type = $3::text
        and perdura.root_address(x.payload ->> 'id') = n.i)
   and not exists (select from perdura.actor a where a.tenant_id = n.t and a.id = n.i)
returning m.id
