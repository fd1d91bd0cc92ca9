-- Who has a key. $1 tenant, $2 key.
-- Locks: nothing.
-- Index: primary keys of unique_lock and job.
-- One that waited for another and is not live any more gives the key back: that other one runs still, or its
-- end has yet to be noticed.
select case when f.has_left then u.waits_for else u.job_id end as i, u.n,
       coalesce(u.until > now(), false) as within, case when not f.has_left then u.waits_for end as w
  from perdura.unique_lock u
 cross join lateral (
   select u.waits_for is not null and not exists (
     select from perdura.job j where j.tenant_id = u.tenant_id and j.id = u.job_id) as has_left) f
 where u.tenant_id = $1::text and u.key = $2::text
