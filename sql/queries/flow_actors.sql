-- The steps of a machine's actors, by way, by state left, and by time. $1 tenant (null: all), $2 machine,
-- $3 milliseconds to look back, $4 most steps to look at, $5 seconds of a bucket.
-- Locks: nothing.
-- Index: actor_step_at; primary key of actor.
with recent as materialized (
  select tenant_id, actor_id, version, at, event, from_state, to_state, outcome, status
    from perdura.actor_step
   where at > now() - $3::bigint * interval '1 millisecond'
     and ($1::text is null or tenant_id = $1::text)
   limit $4::int),
steps as (
  select r.from_state, r.event, r.to_state, r.at,
         r.outcome = 'unhandled' or r.status in ('error', 'stalled', 'blocked')
           or r.event like 'xstate.error.%' as failed,
         extract(epoch from r.at - lag(r.at) over (
           partition by r.tenant_id, r.actor_id order by r.version)) * 1000 as dwell,
         floor(extract(epoch from r.at) / $5::int) * $5::int * 1000 as bucket
    from recent r join perdura.actor a on (a.tenant_id, a.id) = (r.tenant_id, r.actor_id)
   where a.machine = $2::text)
select grouping(from_state, event, bucket) as kind, from_state as f, event as e, to_state as t,
       bucket::float8 as at, count(*)::float8 as n, count(*) filter (where failed)::float8 as failed,
       count(dwell)::float8 as dwells,
       (percentile_disc(0.5) within group (order by dwell))::float8 as p50,
       (percentile_disc(0.99) within group (order by dwell))::float8 as p99,
       (select count(*) from recent)::float8 as looked,
       (select extract(epoch from max(at) - min(at)) * 1000 from recent)::float8 as covered
  from steps
 group by grouping sets ((from_state, event, to_state), (from_state), (bucket))
