-- Take a part of an operation before its turn. $1 tenant, $2 operation, $3 part.
-- Locks: the part's row, and does not wait for it. Index: primary key of operation_part.
-- No row: there is none, it has been carried out, or somebody is at it.
select n from perdura.operation_part
 where tenant_id = $1::text and operation_id = $2::uuid and n = $3::integer and applied_at is null
   for update skip locked
