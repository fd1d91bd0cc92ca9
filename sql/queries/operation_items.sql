-- The jobs of an operation, in its order, and what became of them (null: not yet). $1 tenant, $2 operation,
-- $3 from this part, $4 from this place in it, $5 how many parts to read, $6 how many jobs.
-- Locks: nothing. Index: primary key of operation_part.
select p.n, r.k - 1 as k, r.t, r.i, r.o, p.applied_at as at
  from perdura.operation_part p
  cross join lateral unnest(p.tenants, p.ids, p.outcomes) with ordinality as r(t, i, o, k)
 where p.tenant_id = $1::text and p.operation_id = $2::uuid
   and p.n >= $3::integer and p.n < $3::integer + $5::integer
   and (p.n > $3::integer or r.k > $4::integer)
 order by p.n, r.k limit $6::integer
