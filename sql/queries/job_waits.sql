-- How long the last ended jobs waited and ran. $1 tenant (null: some of all), $2 jobs of each.
-- Locks: nothing.
-- Index: primary key of job_archive, backwards, per tenant.
with ended as (
  select extract(epoch from e.started_at - e.run_at) * 1000 as waited,
         extract(epoch from e.finished_at - e.started_at) * 1000 as ran
    from (select id from perdura.tenant where $1::text is null or id = $1::text order by id limit 20) t
   cross join lateral (
     select run_at, started_at, finished_at from perdura.job_archive a
      where a.tenant_id = t.id order by a.id desc limit $2::int) e
   where e.started_at is not null)
select count(*)::float8 as n,
       (percentile_disc(0.5) within group (order by waited))::float8 as w50,
       (percentile_disc(0.99) within group (order by waited))::float8 as w99,
       (percentile_disc(0.5) within group (order by ran))::float8 as r50,
       (percentile_disc(0.99) within group (order by ran))::float8 as r99
  from ended
