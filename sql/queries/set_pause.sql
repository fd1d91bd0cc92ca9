-- Close a gate, or open it. $1 tenant, $2 kind, $3 name, $4 paused: nothing starts; $5 draining: no new jobs
-- are taken.
-- Locks: the gate's row, then the row of gate_change. Index: primary key.
-- Since when it is closed stays as it was first said.
with gate as (
  insert into perdura.gate as g (tenant_id, kind, name, paused_at, draining_at)
  values ($1::text, $2::smallint, $3::text, case when $4::boolean then now() end,
          case when $5::boolean then now() end)
  on conflict (tenant_id, kind, name) do update
    set paused_at = case when $4::boolean then coalesce(g.paused_at, now()) end,
        draining_at = case when $5::boolean then coalesce(g.draining_at, now()) end,
        version = g.version + 1
  returning g.tenant_id),
told as (update perdura.gate_change set n = n + 1 where exists (select from gate))
select count(*)::integer as n from gate
