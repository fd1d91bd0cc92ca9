-- Limits that handlers declare for their types, of all tenants together. $1 tenant, $2 kind; then array
-- literals, one element per type that a process handles: $3 type, $4 rate, $5 burst, $6 concurrency (nulls:
-- it declares none); $7 how long processes may be unaware of it (ms).
-- Locks: the rows of the gates in the order of their key, then the row of gate_change. Index: primary key.
-- What an operator has set stands. Nothing is written when all is as declared.
with wanted as materialized (
  select x.*, g.name is not null as is_there, g.is_declared, g.rate as was_rate, g.concurrency as was
    from unnest($3::text[], $4::integer[], $5::integer[], $6::integer[]) as x(name, rate, burst, concurrency)
    left join perdura.gate g on g.tenant_id = $1::text and g.kind = $2::smallint and g.name = x.name
   where case when g.name is null then x.rate is not null or x.concurrency is not null
              else g.is_declared and (g.rate, g.burst, g.concurrency)
                     is distinct from (x.rate, x.burst, x.concurrency) end),
gate as (
  insert into perdura.gate as g (tenant_id, kind, name, rate, burst, concurrency, is_declared, settles_at)
  select $1::text, $2::smallint, name, rate, burst, concurrency, true,
         case when (was_rate is null and rate is not null) or (was is null and concurrency is not null)
              then now() + $7::integer * interval '1 millisecond' end
    from wanted order by name
  on conflict (tenant_id, kind, name) do update
    set rate = excluded.rate, burst = excluded.burst, concurrency = excluded.concurrency,
        version = g.version + 1, settles_at = coalesce(excluded.settles_at, g.settles_at)
    where g.is_declared
  returning g.name),
told as (update perdura.gate_change set n = n + 1 where exists (select from gate))
select count(*)::integer as n from gate
