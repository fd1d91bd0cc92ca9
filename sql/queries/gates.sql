-- What operators have set on gates, and what is declared by handlers, when it has changed. $1 the number of
-- the last change that the caller knows (null: none).
-- Locks: nothing. Index: none; gate is read as a whole, and one row of gate_change when nothing has changed.
-- A row without a tenant tells only the number. Gates on which nothing is set are passed over: with a rate
-- for all tenants, each has one to count in.
select c.n::text as change, g.tenant_id as t, g.kind as k, g.name, g.rate, g.burst, g.concurrency, g.weight,
       g.backlog, g.paused_at, g.draining_at,
       ceil(extract(epoch from g.settles_at - now()) * 1000)::float8 as settles_in_ms, b.state as breaker,
       ceil(extract(epoch from b.open_until - now()) * 1000)::float8 as breaker_ms
  from perdura.gate_change c
  left join (
    perdura.gate g left join perdura.breaker b on b.tenant_id = g.tenant_id and b.kind = g.kind and b.name = g.name)
    on $1::bigint is distinct from c.n
   and (num_nonnulls(g.rate, g.concurrency, g.weight, g.backlog, g.paused_at, g.draining_at) > 0
        or b.state <> 'closed')
