-- How many actors of a machine are in each state. $1 tenant (null: all), $2 machine, $3 statuses of
-- those that go on, $4 most groups.
-- Locks: nothing.
-- Index: actor_listing, by an index-only scan.
select a.state, a.status, count(*)::bigint as n
  from perdura.actor a
 where ($1::text is null or a.tenant_id = $1::text) and a.machine = $2::text
   and a.status = any($3::text[])
 group by a.state, a.status order by n desc, a.state limit $4::int
