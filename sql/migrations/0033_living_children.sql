-- The children of an actor in the order in which they are told: those that somebody has to help, those on their way,
-- those that have ended. Of a parent that has begun thousands the ones to look at were behind the first hundred by
-- id. No step pays more for it: `status` is a column of actor_listing, too, and the index of before goes.
-- Locks: actor while the index is made, which reads it once.
-- The release before this one reads all children of an actor that it shows, and sorts them.

-- Where an actor stands among the children of its parent: 0 somebody has to help it, 1 on its way, 2 ended.
create function perdura.actor_rank(status text) returns integer language sql immutable parallel safe as $$
  select case when $1 = 'active' then 1
              when $1 in ('done', 'error', 'cancelled', 'terminated') then 2 else 0 end
$$;

drop index perdura.actor_parent;
create index actor_parent on perdura.actor (tenant_id, parent_id, perdura.actor_rank(status), id)
  where parent_id is not null;
