-- One piece of a file, in base64: how bytes are shown is for the database to say. $1 tenant, $2 id, $3 its place from 0.
-- Locks: none.
-- Index: primary key of file_piece.
select encode(data, 'base64') as data from perdura.file_piece
 where tenant_id = $1::text and file_id = $2::uuid and n = $3::integer
