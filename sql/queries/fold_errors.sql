-- Fold the changes of groups of dead letters into the groups. $1 how many rows.
-- Locks: delta rows, SKIP LOCKED, so that two folders share the work; then group rows in key order.
-- Index: primary key of error_group.
with picked as materialized (
  select ctid from perdura.error_delta limit $1::integer for update skip locked),
taken as (
  delete from perdura.error_delta where ctid = any(array(select ctid from picked))
  returning tenant_id, fingerprint, n, at),
summed as (
  select tenant_id, fingerprint, sum(n) as n, min(at) filter (where n > 0) as first_at,
         max(at) filter (where n > 0) as last_at
    from taken group by tenant_id, fingerprint),
folded as (
  insert into perdura.error_group as g (tenant_id, fingerprint, n, first_at, last_at)
  select tenant_id, fingerprint, n, first_at, last_at from summed order by tenant_id, fingerprint
  on conflict (tenant_id, fingerprint) do update
    set n = g.n + excluded.n, first_at = least(g.first_at, excluded.first_at),
        last_at = greatest(g.last_at, excluded.last_at))
select count(*)::integer as n from taken
