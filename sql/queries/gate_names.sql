-- Names of a tenant's gates of one kind. $1 tenant, $2 kind.
-- Locks: nothing.
-- Index: primary key of gate.
select name from perdura.gate where tenant_id = $1::text and kind = $2::smallint order by name
