-- Add one piece of a file. $1 tenant, $2 id, $3 its place from 0, $4 its bytes in base64.
-- Locks: the new row; the file's row, shared, by the reference.
-- Index: primary key of file_piece.
insert into perdura.file_piece (tenant_id, file_id, n, data)
values ($1::text, $2::uuid, $3::integer, decode($4::text, 'base64'))
