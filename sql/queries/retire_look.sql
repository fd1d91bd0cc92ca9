-- The next ended jobs in the order of their names, and which of them are older than they are to be kept.
-- $1, $2 after this tenant and id, $3 how many rows to look at.
-- Locks: nothing. Index: primary keys of job_archive and dead_letter, a merge of both; the policies are few.
-- The policy of a job is the most special one that there is: of its tenant before that of all, of its type
-- before that of all. One row more, without a job, tells where the look has ended.
with looked as materialized (
  select j.tenant_id, j.id, j.version, j.state, j.type, j.finished_at from perdura.any_job j
   where j.home > 0 and (j.tenant_id, j.id) > ($1::text, $2::uuid)
   order by j.tenant_id, j.id limit $3::integer),
judged as (
  select l.tenant_id, l.id, l.version, l.state, r.keeps_summary
    from looked l cross join lateral (
      select * from perdura.retention r
       where r.tenant_id in (l.tenant_id, '*') and r.type in (l.type, '*') and r.state = l.state
       order by r.tenant_id = '*', r.type = '*' limit 1) r
   where l.finished_at < now() - r.max_age_ms * interval '1 millisecond')
select tenant_id as t, id as i, version as v, state as s, keeps_summary, null::integer as looked
  from judged
union all
(select tenant_id, id, null, null, null, (select count(*) from looked)::integer
   from looked order by tenant_id desc, id desc limit 1)
