-- A new schedule. $1 tenant, $2 id, $3 definition, $4 type, $5 machine, $6 next fire time, $7 the same with
-- its jitter, $8 paused, $9 where an interval is counted from.
-- Locks: the new row. One that is there stays: no row comes back. Index: primary key.
insert into perdura.schedule
  (tenant_id, id, version, definition, type, machine, fire_at, due_at, paused_at, anchor_at)
values ($1::text, $2::text, 1, $3::text::json, $4::text, $5::text, $6::timestamptz, $7::timestamptz,
        case when $8::boolean then now() end, $9::timestamptz)
on conflict (tenant_id, id) do nothing
returning version
