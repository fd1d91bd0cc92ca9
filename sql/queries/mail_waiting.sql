-- How much mail of actors is due, and how late the oldest event, the oldest timer and the oldest fire time
-- of a schedule are. $1 rows to look at: there may be more than it says.
-- Locks: nothing. Index: mailbox_due and schedule_due from their heads; inbox is short.
select count(*)::integer as n,
       coalesce(extract(epoch from now() - min(due_at)), 0)::float8 as oldest,
       coalesce(extract(epoch from now() - min(due_at) filter (where timer_id is not null)), 0)::float8
         as timer,
       coalesce((select greatest(0, extract(epoch from now() - min(due_at))) from perdura.schedule
                  where due_at is not null), 0)::float8 as schedule,
       (select count(*) from (select from perdura.inbox limit $1::integer) i)::integer as inbox
  from (select due_at, timer_id from perdura.mailbox where not parked and due_at <= now()
         order by due_at limit $1::integer) m
