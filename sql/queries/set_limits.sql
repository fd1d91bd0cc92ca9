-- Set the limits of a gate. $1 tenant, $2 kind, $3 name, $4 rate, $5 burst, $6 concurrency, $7 weight,
-- $8 backlog (null: none of it), $9 how long processes may be unaware of it (ms).
-- Locks: the gate's row, which a claim holds for a moment; then the row of gate_change. Index: primary key.
-- A limit where none was settles first: see settle_gates.sql. One that is changed holds at once.
with gate as (
  insert into perdura.gate as g (tenant_id, kind, name, rate, burst, concurrency, weight, backlog, settles_at)
  values ($1::text, $2::smallint, $3::text, $4::integer, $5::integer, $6::integer, $7::integer,
          $8::integer, case when $4::integer is not null or $6::integer is not null
               then now() + $9::integer * interval '1 millisecond' end)
  on conflict (tenant_id, kind, name) do update
    set rate = excluded.rate, burst = excluded.burst, concurrency = excluded.concurrency,
        weight = excluded.weight, backlog = excluded.backlog, is_declared = false, version = g.version + 1,
        settles_at = case
          when excluded.rate is null and excluded.concurrency is null then null
          when (g.rate is null and excluded.rate is not null)
            or (g.concurrency is null and excluded.concurrency is not null) then excluded.settles_at
          else g.settles_at end
  returning g.tenant_id),
told as (update perdura.gate_change set n = n + 1 where exists (select from gate))
select count(*)::integer as n from gate
