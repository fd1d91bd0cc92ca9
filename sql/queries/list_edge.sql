-- Where a bounded look at a tenant's jobs ends: the id below which a filtered page does not look.
-- $1 tenant, $2 before this id, $3 how many rows per home, $4 live, $5 archive, $6 dead letters (booleans).
-- Locks: nothing. Index: the primary keys of the homes, index-only, backwards from the id. No row: all
-- that is left is within the bound.
select e.i from (
  (select j.id as i from perdura.job j
    where $4::boolean and j.tenant_id = $1::text and j.id < $2::uuid
    order by j.id desc offset $3::integer limit 1)
  union all
  (select j.id from perdura.job_archive j
    where $5::boolean and j.tenant_id = $1::text and j.id < $2::uuid
    order by j.id desc offset $3::integer limit 1)
  union all
  (select j.id from perdura.dead_letter j
    where $6::boolean and j.tenant_id = $1::text and j.id < $2::uuid
    order by j.id desc offset $3::integer limit 1)) e
 order by e.i desc limit 1
