-- What waits in the inbox. $1 how many, $2 and $3 after this tenant and id.
-- Locks: nothing; insert.sql and bury.sql take the rows out. Index: primary key of inbox, which is small.
-- Oldest ids first within a tenant. The text of JSON, so that it is read once.
select tenant_id as t, id as i, type as k, payload::text as y, options::text as o
  from perdura.inbox where (tenant_id, id) > ($2::text, $3::uuid)
 order by tenant_id, id limit $1::integer
