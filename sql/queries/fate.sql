-- What became of jobs that a commit did not move. $1 tenants, $2 ids, $3 versions (array literals).
-- Locks: nothing. Index: transition_job (bounded to the last hour), primary key of job.
-- `w`, `e`: who wrote the next version, by which event (null: nobody yet); `cs`: cancel requested.
select r.t, r.i, h.worker as w, h.event as e, j.version as v, j.state as s,
       j.cancel_requested_at is not null as cs
  from unnest($1::text[], $2::uuid[], $3::integer[]) as r(t, i, v)
  left join lateral (
    select worker, event from perdura.transition h
     where h.tenant_id = r.t and h.job_id = r.i and h.version = r.v + 1
       and h.at > now() - interval '1 hour'
     limit 1) h on true
  left join perdura.job j on j.tenant_id = r.t and j.id = r.i
