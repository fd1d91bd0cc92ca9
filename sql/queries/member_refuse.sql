-- Note items that could not become members. $1 tenant, $2 the job whose transaction this is, an activity of
-- the actor; array literals: $3 ids, $4 labels, $5 errors.
-- Locks: only the new rows. Index: primary keys.
insert into perdura.member_failure (tenant_id, actor_id, job_id, gen, label, error)
select y.tenant_id, y.actor_id, r.i, coalesce((a.snapshot -> 'birth' ->> 'gen')::integer, 0), r.label, r.error
  from perdura.activity y
  join perdura.actor a on a.tenant_id = y.tenant_id and a.id = y.actor_id
  cross join unnest($3::uuid[], $4::text[], $5::jsonb[]) as r(i, label, error)
 where y.tenant_id = $1::text and y.job_id = $2::uuid
