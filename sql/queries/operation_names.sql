-- The jobs of one part of an operation, as they were chosen. $1 tenant, $2 operation, $3 part.
-- Locks: nothing. Index: primary key of operation_part.
-- No row: the part has been carried out.
select r.t, r.i, r.v
  from perdura.operation_part p
  cross join lateral unnest(p.tenants, p.ids, p.versions) with ordinality as r(t, i, v, k)
 where p.tenant_id = $1::text and p.operation_id = $2::uuid and p.n = $3::integer and p.applied_at is null
 order by r.k
