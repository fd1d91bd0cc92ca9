-- What a breaker has been through, ascending. $1 tenant, $2 kind, $3 name, $4 after this version, $5 how many.
-- Locks: nothing.
-- Index: primary key.
select version as v, event, from_state as f, to_state as s, at, cause
  from perdura.breaker_step
 where tenant_id = $1::text and kind = $2::smallint and name = $3::text and version > $4::integer
 order by version
 limit $5::integer
