-- Take one row out of the inbox: what it asks for is there. $1 tenant, $2 id.
-- Locks: the row.
-- Index: primary key.
delete from perdura.inbox where tenant_id = $1::text and id = $2::uuid
