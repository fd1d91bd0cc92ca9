-- Another definition of a schedule, of the version that it was decided on. $1 .. $9 as of schedule_add.sql,
-- $10 that version, $11 its next fire time then: one that has fired meanwhile is decided on anew.
-- Locks: the row. Index: primary key.
update perdura.schedule s
   set version = s.version + 1, definition = $3::text::json, type = $4::text, machine = $5::text,
       fire_at = $6::timestamptz, due_at = $7::timestamptz,
       paused_at = case when $8::boolean then coalesce(s.paused_at, now()) end,
       anchor_at = $9::timestamptz, updated_at = now()
 where s.tenant_id = $1::text and s.id = $2::text and s.version = $10::integer
   and s.fire_at is not distinct from $11::timestamptz
returning s.version
