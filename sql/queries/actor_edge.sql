-- Where a bounded look at a tenant's actors ends: the last id that a page with terms looks at. $1 tenant,
-- $2 after this id, $3 how many actors.
-- Locks: nothing. Index: the primary key. No row: all that is left is within the bound.
select a.id as i from perdura.actor a
 where a.tenant_id = $1::text and a.id > $2::text
 order by a.id offset $3::integer limit 1
