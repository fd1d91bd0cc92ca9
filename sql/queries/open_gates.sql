-- Make the gates of tenants that have none, where a rate is the default of all. $1 kind, $2 tenants (array
-- literal).
-- Locks: only the new rows. Index: primary key.
-- Nothing is set on them, so that no other process has to be told.
insert into perdura.gate (tenant_id, kind, name)
select t, $1::smallint, '' from unnest($2::text[]) as x(t) order by t
on conflict (tenant_id, kind, name) do nothing
