-- Forget a worker that has stopped. $1 id.
-- Locks: its row.
-- Index: primary key of worker.
delete from perdura.worker where id = $1::uuid
