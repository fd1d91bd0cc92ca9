-- Gates as they stand: what is set, how full they are, who holds their slots. Array literals, one element per
-- gate asked for: $1 tenant, $2 kind, $3 name; $4 how many holders to name.
-- Locks: nothing. Index: primary keys of gate, slot and job.
-- Kinds and names that have no gate come back without. Behind the wall only slots of its own tenant's jobs are
-- counted and named.
select g.tenant_id as t, g.kind as k, g.name, g.rate, g.burst, g.concurrency, g.weight, g.backlog, g.paused_at,
       g.draining_at, g.settles_at, g.is_declared, g.period_ms, g.tokens, g.filled_at, g.tick_at::text,
       g.tick_n::text,
       clock_timestamp() as at, h.running, h.holders
  from unnest($1::text[], $2::smallint[], $3::text[]) with ordinality as a(t, k, name, nr)
  join perdura.gate g on g.tenant_id = a.t and g.kind = a.k and g.name = a.name
  cross join lateral (
    select count(*)::integer as running,
           coalesce(jsonb_agg(jsonb_build_object('id', r.job_id, 'worker', r.worker)) filter (where r.nr <= $4::integer), '[]')
             as holders
      from (
        select x.job_id, le.worker, row_number() over (order by x.at, x.job_id) as nr from (
          select j.id as job_id, j.lease_id, s.taken_at as at from perdura.slot s
            join perdura.lease le on le.id = s.lease_id
            cross join lateral unnest(le.tenants, le.ids) as v(t, i)
            join perdura.job j on j.tenant_id = v.t and j.id = v.i and j.lease_id = s.lease_id
           where s.tenant_id = g.tenant_id and s.kind = g.kind and s.name = g.name
             and g.tenant_id in ('*', j.tenant_id)
             and case g.kind when 0 then true when 1 then j.queue = g.name when 2 then j.type = g.name
                 else j.limit_key = g.name end
          union all
          select j.id, j.lease_id, j.started_at
            from unnest(g.guest_tenants, g.guest_ids, g.guest_leases) as v(t, i, l)
            join perdura.job j on j.tenant_id = v.t and j.id = v.i and j.lease_id = v.l) x
          left join perdura.lease le on le.id = x.lease_id) r) h
 order by a.nr
