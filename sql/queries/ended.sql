-- Which of these jobs are no longer live. $1 tenants, $2 ids (array literals).
-- Locks: nothing.
-- Index: primary key of job, one probe each: what waits for many jobs asks once.
-- LATERAL with a limit: one probe each under every plan, never the whole table.
select r.i
  from unnest($1::text[], $2::uuid[]) as r(t, i)
  left join lateral (
    select true as lives from perdura.job j where j.tenant_id = r.t and j.id = r.i limit 1) l on true
 where l.lives is null
