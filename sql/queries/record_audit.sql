-- Record what an operator did. $1 tenant, $2 id, $3 who, $4 action, $5 subject, $6 reason or null,
-- $7 version or null, $8 detail (JSON text) or null.
-- Locks: the new row. Index: primary key of audit.
insert into perdura.audit (tenant_id, id, who, action, subject, reason, version, detail)
values ($1::text, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::integer, $8::text::jsonb)
