-- Store what events have made of a breaker. $1 tenant, $2 kind, $3 name, $4 the version it was read at (0: it was not
-- there), $5 state, $6 milliseconds until probes may start (null: somebody will say), $7 probes, $8 settings,
-- $9 snapshot (JSON text both), $10 the events that have changed it, in their order, $11 the state before each (null:
-- none), $12 the state after each (array literals), $13 cause.
-- Locks: the gate's row, which claims hold for a moment; then the breaker's; then the row of gate_change.
-- Index: primary keys. No row back: somebody was faster.
-- The gate moves on with it: a claim whose snapshot shows the old state takes nothing.
-- Each event has a version of its own, that of its step, if it has one; the breaker stands at that of the last.
with gate as (
  insert into perdura.gate as g (tenant_id, kind, name) values ($1::text, $2::smallint, $3::text)
  on conflict (tenant_id, kind, name) do update set version = g.version + 1
  returning g.tenant_id),
moved as (
  insert into perdura.breaker as b (
    tenant_id, kind, name, version, state, open_until, probes, settings, snapshot)
  select $1::text, $2::smallint, $3::text, $4::integer + cardinality($10::text[]), $5::text,
         case when $6::float8 is not null then now() + $6::float8 * interval '1 millisecond' end, $7::integer,
         $8::text::json, $9::text::json
    from gate
   where $4::integer = 0 or exists (
     select from perdura.breaker o where o.tenant_id = $1::text and o.kind = $2::smallint and o.name = $3::text)
  on conflict (tenant_id, kind, name) do update
    set version = excluded.version, state = excluded.state, open_until = excluded.open_until,
        probes = excluded.probes, settings = excluded.settings, snapshot = excluded.snapshot, changed_at = now()
    where b.version = $4::integer
  returning version),
step as (
  insert into perdura.breaker_step (tenant_id, kind, name, version, event, from_state, to_state, cause)
  select $1::text, $2::smallint, $3::text, $4::integer + e.n, e.event, e.f, e.s, $13::text
    from moved, unnest($10::text[], $11::text[], $12::text[]) with ordinality as e (event, f, s, n)
   where e.f is distinct from e.s or $13::text is not null
  returning from_state as f, to_state as s),
told as (
  update perdura.gate_change set n = n + 1
   where exists (select from step where f is distinct from s))
select version as v from moved
