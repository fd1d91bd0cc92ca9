-- Forget slots whose lease is gone. No parameters. A slot comes and goes with its lease, in one statement each:
-- these are of a release that ended leases and did not know of them.
-- Locks: their rows. Index: primary key of lease; there are as many slots as gates that leases have passed.
delete from perdura.slot s where not exists (select from perdura.lease le where le.id = s.lease_id)
