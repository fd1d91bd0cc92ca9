-- What waits in the inbox. $1 how many.
-- Locks: nothing; insert.sql and bury.sql take the rows out. Index: primary key of inbox, which is small.
-- Oldest ids first within a tenant. The text of JSON, so that it is read once.
select tenant_id as t, id as i, type as k, payload::text as y, options::text as o
  from perdura.inbox order by tenant_id, id limit $1::integer
