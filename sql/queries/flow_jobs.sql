-- The ways that jobs went, by time. $1 tenant (null: all), $2 milliseconds to look back, $3 seconds of a
-- bucket.
-- Locks: nothing.
-- Index: primary key, its range of minutes.
select f.from_state as f, f.to_state as t,
       (floor(extract(epoch from f.minute) / $3::int) * $3::int * 1000)::float8 as at,
       sum(f.n)::float8 as n
  from perdura.flow f
 where f.minute > now() - $2::bigint * interval '1 millisecond'
   and ($1::text is null or f.tenant_id = $1::text)
 group by 1, 2, 3 order by 3, 1, 2
