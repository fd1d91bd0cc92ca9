-- Complete a file: from now on it can be found. $1 tenant, $2 id, $3 bytes.
-- Locks: its row.
-- Index: primary key of file.
update perdura.file set size = $3::integer
 where tenant_id = $1::text and id = $2::uuid and size is null
returning created_at
