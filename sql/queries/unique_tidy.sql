-- Forgets keys whose jobs have ended and whose time is over. $1 tenant and $2 key to begin after, $3 how many
-- to look at. Returns the last one looked at; no row: there are no more.
-- Locks: the rows, passing over those that others have. Index: primary keys.
-- A row that was taken again since it was looked at has another number, and stays.
with seen as materialized (
  select tenant_id, key, n, job_id, until, waits_for from perdura.unique_lock
   where (tenant_id, key) > ($1::text, $2::text)
   order by tenant_id, key limit $3::integer),
old as materialized (
  select u.tenant_id, u.key from perdura.unique_lock u
    join seen s on s.tenant_id = u.tenant_id and s.key = u.key
   where u.n = s.n and (s.until is null or s.until < now())
     and not exists (select from perdura.job j
                      where j.tenant_id = s.tenant_id and j.id in (s.job_id, s.waits_for))
     for update of u skip locked),
gone as (
  delete from perdura.unique_lock u using old o where u.tenant_id = o.tenant_id and u.key = o.key)
select tenant_id as t, key from seen order by tenant_id desc, key desc limit 1
