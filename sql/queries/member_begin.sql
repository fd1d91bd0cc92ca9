-- Make jobs that were stored before in this transaction members of an actor that is born in it. $1 tenant,
-- $2 actor, $3 its uid; array literals: $4 ids, $5 labels.
-- Locks: the jobs' rows, which nobody else can see yet. Index: primary keys of job and activity.
with owned as (
  update perdura.job j set parent_id = $3::uuid from unnest($4::uuid[]) as r(i)
   where j.tenant_id = $1::text and j.id = r.i)
insert into perdura.activity (
  tenant_id, job_id, actor_id, child_id, gen, src, parks, is_member, label)
select $1::text, r.i, $2::text, '', 0, '', false, true, r.label
  from unnest($4::uuid[], $5::text[]) as r(i, label)
