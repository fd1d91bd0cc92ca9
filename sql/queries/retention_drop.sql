-- Take a policy back: what it was about is kept as if it had never been. $1 tenant, $2 type, $3 state;
-- $4 only one that comes from the settings.
-- Locks: the policy's row. Index: primary key of retention.
delete from perdura.retention
 where tenant_id = $1::text and type = $2::text and state = $3::smallint and (is_declared or not $4::boolean)
returning state as s
