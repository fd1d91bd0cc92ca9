-- The jobs of one part of an operation, as they are now. $1 tenant, $2 operation, $3 part.
-- Locks: nothing. Index: primary keys, one probe per home and job.
-- No row: the part has been carried out.
select r.t, r.i, r.v as wanted, j.version as v, j.state as s, j.attempt as a, j.max_attempts as ma,
       j.crashes as cr, j.max_crashes as mc, j.cancel_requested_at is not null as cs
  from perdura.operation_part p
  cross join lateral unnest(p.tenants, p.ids, p.versions) with ordinality as r(t, i, v, k)
  left join lateral (
    select * from perdura.any_job a where a.tenant_id = r.t and a.id = r.i limit 1) j on true
 where p.tenant_id = $1::text and p.operation_id = $2::uuid and p.n = $3::integer and p.applied_at is null
 order by r.k
