-- Let limits take hold that were set where none was, now that every process knows of them. No parameters.
-- Locks: the gates, FOR UPDATE SKIP LOCKED, in the order of their key; then the row of gate_change.
-- Index: primary keys of job and slot, one probe per running job; lease and gate are a few pages.
-- What runs already has no slot. It is noted as a guest, which counts until it is no longer under that lease:
-- the statements that end jobs need not know of it.
with due as materialized (
  select tenant_id, kind, name from perdura.gate where settles_at <= now()
   order by tenant_id, kind, name for update skip locked),
running as materialized (
  select j.tenant_id, j.id, j.lease_id, j.queue, j.type, j.limit_key
    from perdura.lease le cross join unnest(le.tenants, le.ids) as x(t, i)
    join perdura.job j on j.tenant_id = x.t and j.id = x.i and j.lease_id = le.id
   where exists (select from due)),
guest as (
  select d.tenant_id, d.kind, d.name, array_agg(r.tenant_id) as tenants, array_agg(r.id) as ids,
         array_agg(r.lease_id) as leases
    from due d
    join running r on d.tenant_id in ('*', r.tenant_id)
     and case d.kind when 0 then true when 1 then r.queue = d.name when 2 then r.type = d.name
         else r.limit_key = d.name end
   where not exists (
     select from perdura.slot s
      where s.tenant_id = d.tenant_id and s.kind = d.kind and s.name = d.name
        and s.lease_id = r.lease_id)
   group by d.tenant_id, d.kind, d.name),
settled as (
  update perdura.gate g
     set settles_at = null, version = g.version + 1, guest_tenants = coalesce(q.tenants, '{}'),
         guest_ids = coalesce(q.ids, '{}'), guest_leases = coalesce(q.leases, '{}')
    from due d left join guest q on q.tenant_id = d.tenant_id and q.kind = d.kind and q.name = d.name
   where g.tenant_id = d.tenant_id and g.kind = d.kind and g.name = d.name
  returning g.tenant_id),
told as (update perdura.gate_change set n = n + 1 where exists (select from settled))
select count(*)::integer as n from settled
