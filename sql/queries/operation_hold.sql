-- Hold an operation where it is until the commit. $1 tenant, $2 id, $3 status, $4 state.
-- Locks: the actor's row, shared: its next turn waits. Index: primary key of actor.
-- No row: it has been stopped, or has failed. The last statement of its transaction, so that a turn never
-- waits long; nobody takes the row first and the operation's own row after it.
select 1 as held from perdura.actor
 where tenant_id = $1::text and id = $2::text and status = $3::text and state = $4::text
   for share
