-- Note what became of the jobs of a part, and tell the operation. $1 tenant, $2 operation, $3 part,
-- $4 outcomes (array literal), $5 how many were done, $6 mail id, $7 body of the mail (null: tell nobody).
-- Locks: the part's row, then the operation's. Index: primary keys.
-- In the transaction that has changed the jobs. A part that is noted already is told all the same: it was
-- carried out before its turn.
with part as (
  update perdura.operation_part set applied_at = now(), outcomes = $4::smallint[]
   where tenant_id = $1::text and operation_id = $2::uuid and n = $3::integer and applied_at is null
  returning cardinality(ids) as size),
counted as (
  update perdura.operation o set done = done + $5::integer, skipped = skipped + part.size - $5::integer
    from part where o.tenant_id = $1::text and o.id = $2::uuid)
insert into perdura.mailbox (tenant_id, actor_id, id, kind, sender, body)
select $1::text, $2::text, $6::uuid, 'event', $2::text, $7::text::json where $7::text is not null
