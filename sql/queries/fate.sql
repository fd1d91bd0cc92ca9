-- What became of jobs that a commit did not move. $1 tenants, $2 ids, $3 versions (array literals),
-- $4 code of SUCCEED.
-- Locks: nothing. Index: transition_job (bounded to the last hour), primary keys of the job's homes.
-- `w`, `e`: who wrote the next version, by which event (null: nobody yet); `cs`: cancel requested.
select r.t, r.i, coalesce(a.worker, h.worker) as w,
       case when a.worker is not null then $4::smallint else h.event end as e,
       j.version as v, j.state as s, j.cancel_requested_at is not null as cs
  from unnest($1::text[], $2::uuid[], $3::integer[]) as r(t, i, v)
  left join lateral (
    select worker, event from perdura.transition h
     where h.tenant_id = r.t and h.job_id = r.i and h.version = r.v + 1
       and h.at > now() - interval '1 hour'
     limit 1) h on true
  left join perdura.job_archive a
    on a.tenant_id = r.t and a.id = r.i and a.version = r.v + 1
  left join perdura.job j on j.tenant_id = r.t and j.id = r.i
