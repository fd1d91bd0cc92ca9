-- Which of these ids are stored, in any home. $1 tenants, $2 ids (array literals).
-- Locks: nothing. Index: primary keys of the three homes.
-- One statement, one snapshot: a job that moves between homes is never missed. Read before an
-- enqueue of unknown result is sent again.
select r.i
  from unnest($1::text[], $2::uuid[]) as r(t, i)
 where exists (select from perdura.job j where j.tenant_id = r.t and j.id = r.i)
    or exists (select from perdura.job_archive a where a.tenant_id = r.t and a.id = r.i)
    or exists (select from perdura.dead_letter d where d.tenant_id = r.t and d.id = r.i)
