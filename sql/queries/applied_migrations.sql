-- Migrations this database has had. No parameters.
-- Locks: nothing.
-- Index: none, a handful of rows.
select id, name, checksum from perdura.migration order by id
