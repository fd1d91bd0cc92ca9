-- Make jobs that were stored before in this transaction members of an actor. $1 tenant, $2 the job whose
-- transaction this is, an activity of the actor; array literals: $3 ids, $4 labels.
-- Locks: the row of the opening activity, so that the actor cannot leave meanwhile; then the jobs' rows.
-- Index: primary keys of activity, actor and job.
-- No row back: the actor has left.
with mine as materialized (
  select y.actor_id, a.uid, coalesce((a.snapshot -> 'birth' ->> 'gen')::integer, 0) as gen
    from perdura.activity y
    join perdura.actor a on a.tenant_id = y.tenant_id and a.id = y.actor_id
   where y.tenant_id = $1::text and y.job_id = $2::uuid and y.stopped_at is null
   for update of y),
owned as (
  update perdura.job j set parent_id = mine.uid from mine, unnest($3::uuid[]) as r(i)
   where j.tenant_id = $1::text and j.id = r.i),
members as (
  insert into perdura.activity (
    tenant_id, job_id, actor_id, child_id, gen, src, parks, is_member, label)
  select $1::text, r.i, mine.actor_id, '', mine.gen, '', false, true, r.label
    from mine cross join unnest($3::uuid[], $4::text[]) as r(i, label))
select actor_id as i from mine
