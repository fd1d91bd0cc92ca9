-- Tenants exist from first use. $1 tenant ids (array literal).
-- Locks: only new rows, in id order. Index: primary key of tenant.
-- Cached per process: a known tenant never comes here again.
insert into perdura.tenant (id)
select id from unnest($1::text[]) as r(id) order by id
on conflict do nothing
