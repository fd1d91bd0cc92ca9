-- One page of tenants, by name. $1 after this tenant, $2 how many.
-- Locks: nothing.
-- Index: primary key of tenant.
select id, created_at from perdura.tenant where id > $1::text order by id limit $2::integer
