-- Deletes a schedule and the list of its runs; the runs themselves stay. $1 tenant, $2 id, $3 version and
-- $4 next fire time that this was decided on.
-- Locks: the rows.
-- Index: primary keys.
with gone as (
  delete from perdura.schedule s
   where s.tenant_id = $1::text and s.id = $2::text and s.version = $3::integer
     and s.fire_at is not distinct from $4::timestamptz
  returning s.tenant_id, s.id),
runs as (
  delete from perdura.schedule_run r using gone g
   where r.tenant_id = g.tenant_id and r.schedule_id = g.id)
select id as i from gone
