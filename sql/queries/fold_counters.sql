-- Fold counter deltas into the counters, and into the flow of this minute. $1 how many rows.
-- Locks: delta rows, SKIP LOCKED, so that two folders share the work; then counter rows, then flow rows,
-- each in key order; rows of flow that are over, SKIP LOCKED.
-- Index: primary keys of counter and flow.
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
  on conflict (tenant_id, queue, state) do update set n = c.n + excluded.n
  returning 1),
-- Waits for the counters, so that all folders take the two in one order.
flowed as (
  insert into perdura.flow as f (minute, tenant_id, from_state, to_state, n)
  select date_trunc('minute', now()), tenant_id, coalesce(from_state, -1), to_state, sum(n)
    from taken
   where to_state is not null and n > 0 and (select count(*) from folded) >= 0
   group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict (minute, tenant_id, from_state, to_state) do update set n = f.n + excluded.n),
over as materialized (
  select minute, tenant_id, from_state, to_state from perdura.flow
   where minute < now() - interval '1 day' order by minute limit 500 for update skip locked),
gone as (
  delete from perdura.flow f using over o
   where (f.minute, f.tenant_id, f.from_state, f.to_state)
       = (o.minute, o.tenant_id, o.from_state, o.to_state))
select count(*)::integer as n from taken
