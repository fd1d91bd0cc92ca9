-- Make the gates of tenants that have none, where a rate is the default of all. $1 kind, $2 tenants (array
-- literal).
-- Locks: only the new rows, and the row of gate_change. Index: primary key.
with gate as (
  insert into perdura.gate (tenant_id, kind, name)
  select t, $1::smallint, '' from unnest($2::text[]) as x(t) order by t
  on conflict (tenant_id, kind, name) do nothing
  returning tenant_id),
told as (update perdura.gate_change set n = n + 1 where exists (select from gate))
select count(*)::integer as n from gate
