-- The test kit's clock: $1 ms pass. $2: a process has crashed, and its leases and turns are over as well.
-- All that actors are compared by goes back together, mail that is due as well: it stays before a timer that comes
-- due after it, and a branch knows how long ago its past was. Of jobs only what waits for a time comes nearer:
-- those that are due are remembered by their place. Keys of jobs run out, and rates let through what they would have
-- by then. Leases, locks and breakers go by real time, schedules by the calendar.
-- Locks: the rows it changes. Index: none is looked for; a test's database is small.
with past as (select $1::float8 * interval '1 millisecond' as ms where $1::float8 > 0),
mail as (update perdura.mailbox set due_at = due_at - past.ms from past),
actors as (
  update perdura.actor set created_at = created_at - past.ms, updated_at = updated_at - past.ms from past),
steps as (update perdura.actor_step set at = at - past.ms from past),
keys as (update perdura.unique_key set expires_at = expires_at - past.ms from past),
sole as (update perdura.unique_lock set until = until - past.ms from past where until is not null),
gates as ( -- a tick is a hundredth of the period
  update perdura.gate g
     set filled_at = filled_at - past.ms, version = version + 1,
         tick_at = array(select x.at - floor($1::float8 * 100 / g.period_ms)::bigint
                           from unnest(g.tick_at) with ordinality as x(at, i) order by x.i)
    from past),
jobs as (update perdura.job set run_at = run_at - past.ms from past where run_at > now()),
leases as (
  update perdura.lease set expires_at = now() - interval '1 second' where $2::boolean),
turns as (delete from perdura.turn where $2::boolean)
select 1 as done
