-- Tenants exist from first use. $1 tenant ids, $2 their tags (array literals).
-- Locks: only new rows, in id order. Index: primary key of tenant.
-- A process that has sent one does not send it again for a minute.
insert into perdura.tenant (id, tag)
select id, tag from unnest($1::text[], $2::smallint[]) as r(id, tag) order by id
on conflict do nothing
