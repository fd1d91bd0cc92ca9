-- Delete a file and its pieces. $1 tenant, $2 id.
-- Locks: those rows.
-- Index: primary keys of file and file_piece.
delete from perdura.file where tenant_id = $1::text and id = $2::uuid returning id
