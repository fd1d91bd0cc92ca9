-- Fold counter deltas into the counters. $1 how many rows.
-- Locks: delta rows, SKIP LOCKED, so that two folders share the work; then counter rows in key order.
-- Index: primary key of counter.
with picked as materialized (
  select ctid from perdura.counter_delta limit $1::integer for update skip locked),
taken as (
  delete from perdura.counter_delta where ctid = any(array(select ctid from picked))
  returning tenant_id, queue, from_state, to_state, n),
summed as (
  select tenant_id, queue, state, sum(n) as n from (
    select tenant_id, queue, to_state as state, n from taken where to_state is not null
    union all
    select tenant_id, queue, from_state, -n from taken where from_state is not null) d
   group by tenant_id, queue, state),
folded as (
  insert into perdura.counter as c (tenant_id, queue, state, n)
  select tenant_id, queue, state, n from summed order by tenant_id, queue, state
  on conflict (tenant_id, queue, state) do update set n = c.n + excluded.n)
select count(*)::integer as n from taken
