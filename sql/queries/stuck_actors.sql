-- Actors that have waited longer than a time of their state's. $1 tenant (null: all), $2 machine, $3
-- states, $4 their times in milliseconds.
-- Locks: nothing.
-- Index: actor_listing.
select a.state as s, count(*)::float8 as n
  from perdura.actor a
  join unnest($3::text[], $4::float8[]) as p(state, ms) on p.state = a.state
 where ($1::text is null or a.tenant_id = $1::text) and a.machine = $2::text and a.status = 'active'
   and a.updated_at < now() - p.ms * interval '1 millisecond'
 group by a.state order by n desc
