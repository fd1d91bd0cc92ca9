-- Actors that are not on their way (stalled, blocked, paused, done, …) are found by their status, however
-- many there are. A step pays for this index only where an actor leaves `active` or comes back to it.
-- Locks: actor while the index is made, which reads it once.
create index actor_resting on perdura.actor (tenant_id, status, id) where status <> 'active';
