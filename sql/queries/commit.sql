-- Commit the machine's decisions on any mix of live jobs: the only way a live job leaves a state, but
-- for a claim and a success (finish.sql). $1 lease ids (array literal), $2 worker or null, $3 only
-- expired leases; then one array literal (text) per column: $4 tenant .. $19 the attempt that ran,
-- $20 ask; $21 code of CLAIM. k indexes $1 (null: a job without lease).
-- home 0: stays live (d ms from now or at r; neither: keeps its due time), 1: archive, 2: dead letter.
-- Locks: lease rows first, in id order; then job rows through the primary key.
-- Index: primary keys of lease, job and slot, slot_lease. Each job is guarded by its version: zero rows is a lost lease.
-- `= any(array[…])`: see finish.sql.
-- $3 re-checks the expiry inside the update: a lease renewed since the sweeper looked is left alone.
-- A job that stops running forgets its claim: that step goes to `transition` before its own.
-- A job that stops running gives back its slots, whatever the reason: only leases that hold some look.
-- The end of a job gives up its place in its ordering key, and the next one may start: see finish_limited.sql. A
-- dead letter keeps it, unless it was sent to make way.
-- ask: the cause is the reason of the cancel request, if it has one.
-- cs: what the caller knew of a cancel request (null: does not matter). Returns the rows not moved.
with held as materialized (
  select le.id, le.worker, le.n_left, le.holds_slots from perdura.lease le
   where le.id = any($1::uuid[]) and (not $3::boolean or le.expires_at < now())
   order by le.id for update),
x as materialized (
  select r.*, h.id as l, h.worker as w
    from unnest(
      $4::text[], $5::uuid[], $6::integer[], $7::integer[],
      $8::smallint[], $9::smallint[], $10::smallint[], $11::smallint[],
      $12::smallint[], $13::smallint[], $14::bigint[], $15::timestamptz[],
      $16::boolean[], $17::jsonb[], $18::text[], $19::smallint[], $20::boolean[]
    ) as r(t, i, v, k, f, s, e, h, a, cr, d, at, cs, err, c, ran, ask)
    left join unnest($1::uuid[]) with ordinality as n(id, k) on n.k = r.k
    left join held h on h.id = n.id
   where r.k is null or h.id is not null),
gone as (
  delete from perdura.job j using x
   where j.tenant_id = any(array[x.t]) and j.id = x.i and j.version = x.v and j.state = x.f and x.h > 0
     and (x.cs is null or x.cs = (j.cancel_requested_at is not null))
  returning j.tenant_id, j.id, j.lane, j.run_at, j.created_at, j.started_at, j.cancel_requested_at,
            j.timeout_ms, j.version + 1 as version, j.priority, j.max_attempts, j.max_crashes,
            j.has_data, j.queue, j.type, j.payload, j.partition_key, j.idempotency_key, j.tags,
            j.backoff, j.metadata, j.progress, coalesce(x.err, j.last_error) as last_error,
            j.cloned_from, j.parent_id, j.ordering_key, j.limit_key, x.l, x.w, x.ran, x.f, x.s, x.e, x.h, x.a, x.cr,
            case when x.ask then coalesce((
              select q.reason from perdura.cancel_request q
               where q.tenant_id = j.tenant_id and q.job_id = j.id and q.version = j.version), x.c)
            else x.c end as c),
back as (
  update perdura.job j
     set state = x.s, version = j.version + 1, attempt = x.a, crashes = x.cr, lease_id = null,
         run_at = case when x.at is not null then greatest(x.at, now())
                       when x.d is not null then now() + x.d * interval '1 millisecond'
                       else j.run_at end,
         last_error = coalesce(x.err, j.last_error)
    from x
   where j.tenant_id = any(array[x.t]) and j.id = x.i and j.version = x.v and j.state = x.f and x.h = 0
     and (x.cs is null or x.cs = (j.cancel_requested_at is not null))
  returning j.tenant_id, j.id, j.queue, j.type, j.limit_key, j.version, j.started_at, x.l, x.w, x.ran, x.f, x.s,
            x.e, x.a, x.c),
ended as (
  select tenant_id, id, queue, type, limit_key, version, started_at, l, w, ran, f, s, e, a, c from gone
  union all
  select tenant_id, id, queue, type, limit_key, version, started_at, l, w, ran, f, s, e, a, c from back),
archived as (
  insert into perdura.job_archive (
    tenant_id, id, lane, run_at, created_at, started_at, cancel_requested_at, timeout_ms, version,
    state, priority, attempt, max_attempts, crashes, max_crashes, has_data, has_output, queue, type,
    payload, output, partition_key, idempotency_key, tags, backoff, metadata, progress, last_error,
    cloned_from, parent_id, ordering_key, limit_key)
  select tenant_id, id, lane, run_at, created_at, started_at, cancel_requested_at, timeout_ms, version,
         s, priority, a, max_attempts, cr, max_crashes, has_data, false, queue, type,
         payload, null, partition_key, idempotency_key, tags, backoff, metadata, progress, last_error,
         cloned_from, parent_id, ordering_key, limit_key
    from gone where h = 1),
buried as (
  insert into perdura.dead_letter (
    tenant_id, id, lane, run_at, created_at, started_at, cancel_requested_at, timeout_ms, version,
    state, priority, attempt, max_attempts, crashes, max_crashes, has_data, has_output, queue, type,
    payload, output, partition_key, idempotency_key, tags, backoff, metadata, progress, last_error,
    cloned_from, parent_id, ordering_key, limit_key)
  select tenant_id, id, lane, run_at, created_at, started_at, cancel_requested_at, timeout_ms, version,
         s, priority, a, max_attempts, cr, max_crashes, has_data, false, queue, type,
         payload, null, partition_key, idempotency_key, tags, backoff, metadata, progress, last_error,
         cloned_from, parent_id, ordering_key, limit_key
    from gone where h = 2),
grouped as (
  insert into perdura.error_delta (tenant_id, fingerprint, n)
  select tenant_id, coalesce(last_error ->> 'fingerprint', ''), count(*)
    from gone where h = 2 group by 1, 2),
told as ( -- of an actor's activity, unless a dead letter is to wait for an operator
  delete from perdura.activity y using gone
   where gone.parent_id is not null and y.tenant_id = gone.tenant_id and y.job_id = gone.id
     and not (gone.h = 2 and y.parks and y.stopped_at is null)
  returning y.tenant_id, y.actor_id, y.job_id, y.child_id, y.gen, y.stopped_at, y.is_member, y.label,
            gone.h, gone.last_error, gone.metadata -> 'traceparent' as trace),
mail as ( -- one that was left behind and is cancelled has done as it was told; of members one for all
  insert into perdura.mailbox (tenant_id, actor_id, id, kind, gen, body)
  select tenant_id, actor_id, job_id, case when stopped_at is null then 'failed' else 'late' end, null,
         json_build_object('childId', child_id, 'gen', gen, 'jobId', job_id, 'error', last_error,
                           'traceparent', trace)
    from told where not is_member and (stopped_at is null or h = 2)
  union all
  select tenant_id, actor_id, gen_random_uuid(), 'event', nullif(gen, 0),
         json_build_object('event', json_build_object(
           'type', 'perdura.ended', 'failed', count(*) filter (where h = 2),
           'stopped', count(*) filter (where h = 1),
           'failures', to_json((array_agg(json_build_object(
             'jobId', job_id, 'label', label, 'message', left(last_error ->> 'message', 200)))
             filter (where h = 2))[1:10])))
    from told where is_member and stopped_at is null group by tenant_id, actor_id, gen),
failures as (
  insert into perdura.member_failure (tenant_id, actor_id, job_id, gen, label, error)
  select tenant_id, actor_id, job_id, gen, label, last_error
    from told where is_member and h = 2
  on conflict (tenant_id, actor_id, job_id) do nothing),
history as (
  insert into perdura.transition (
    tenant_id, job_id, worker, version, event, from_state, to_state, attempt, cause, at)
  select tenant_id, id, $2::uuid, version, e, f, s, a, c, now() from ended
  union all
  select tenant_id, id, w, version - 1, $21::smallint, null, f, ran, null, started_at
    from ended where l is not null),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, f, s, count(*) from ended group by tenant_id, queue, f, s),
left_place as (
  delete from perdura.place p using gone g
   where g.ordering_key is not null and p.tenant_id = g.tenant_id and p.job_id = g.id
     and (g.h = 1 or p.skips)
  returning p.tenant_id, p.key, p.job_id),
blocked as ( -- a dead letter that keeps its place: its key waits for an operator
  update perdura.place p set blocked_at = now() from gone g
   where g.ordering_key is not null and p.tenant_id = g.tenant_id and p.job_id = g.id
     and g.h = 2 and not p.skips),
next as materialized ( -- the first of each key that is left
  select k.tenant_id, k.key, p.job_id
    from (select distinct tenant_id, key from left_place) k
    left join lateral (
      select p.job_id from perdura.place p
       where p.tenant_id = k.tenant_id and p.key = k.key
         and not exists (
           select from left_place l where l.tenant_id = p.tenant_id and l.job_id = p.job_id)
       order by p.batch, p.n limit 1) p on true),
parked as materialized (
  select j.tenant_id, j.id from next n
    join perdura.job j on j.tenant_id = any(array[n.tenant_id]) and j.id = n.job_id where j.lane & 1 = 1),
ready as materialized (
  select j.tenant_id, j.id from parked p
    join perdura.job j on j.tenant_id = any(array[p.tenant_id]) and j.id = p.id
   order by p.tenant_id, p.id for update of j skip locked),
led as (
  update perdura.job j set lane = j.lane - 1 from ready r
   where j.tenant_id = any(array[r.tenant_id]) and j.id = r.id and j.lane & 1 = 1),
vacant as (
  insert into perdura.vacancy (tenant_id, key)
  select n.tenant_id, n.key from next n
   where n.job_id is null
      or (exists (select from parked p where p.tenant_id = n.tenant_id and p.id = n.job_id)
          and not exists (select from ready r where r.tenant_id = n.tenant_id and r.id = n.job_id))),
finished as materialized (select l, count(*)::integer as n from ended where l is not null group by l),
freed as ( -- a gate that had no limit at the claim has no row
  update perdura.slot s set n = s.n - f.n
    from (select e.l, w.t, w.kind, w.name, count(*)::integer as n
            from held h join ended e on e.l = h.id and h.holds_slots
            cross join lateral (values
              (e.tenant_id, 0, ''), (e.tenant_id, 1, e.queue), (e.tenant_id, 2, e.type), ('*', 2, e.type),
              (e.tenant_id, 3, e.limit_key)) as w(t, kind, name)
           where h.n_left > (select f.n from finished f where f.l = h.id)
           group by e.l, w.t, w.kind, w.name) f
   where s.lease_id = f.l and s.tenant_id = f.t and s.kind = f.kind and s.name = f.name),
dropped as ( -- the end of a lease is that of its slots
  delete from perdura.slot s
   where s.lease_id = any(array(
     select h.id from held h join finished f on f.l = h.id where h.n_left <= f.n and h.holds_slots))),
emptied as (
  delete from perdura.lease le using held, finished
   where le.id = any(array[held.id]) and finished.l = held.id and held.n_left <= finished.n),
lowered as (
  update perdura.lease le set n_left = held.n_left - finished.n from held, finished
   where le.id = any(array[held.id]) and finished.l = held.id and held.n_left > finished.n)
select r.t, r.i
  from unnest($4::text[], $5::uuid[]) as r(t, i)
 where (select count(*) from ended) < cardinality($5::uuid[]) -- the common case hashes nothing
   and not exists (select from ended where ended.tenant_id = r.t and ended.id = r.i)
