-- Take a part of an operation, to carry it out. $1 tenant, $2 operation, $3 part.
-- Locks: the part's row, and waits for whoever has it. Index: primary key of operation_part.
-- No row: it has been carried out.
select n from perdura.operation_part
 where tenant_id = $1::text and operation_id = $2::uuid and n = $3::integer and applied_at is null
   for update
