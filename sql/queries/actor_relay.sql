-- Commit activities that have succeeded, each with the turn that its actor takes on hearing of it, and
-- start the activities that those turns begin: finish.sql, actor_commit.sql and insert_started.sql in
-- one, for turns that cause nothing else. $1 lease ids, $2 running, $3 succeeded, $4 worker, $5 lease of
-- what starts, $6 lease ms, $7 grace ms; then array literals, one element per turn, sorted by name:
-- $8 tenant, $9 actor, $10 version read, $11 version after, $12 status, $13 state, $14 tags,
-- $15 snapshot, $16 its first step holds a whole snapshot, $17 job, $18 job's version, $19 number of
-- its lease, $20 output, $21 output above 1 KB. What follows names its turn by number, from 1.
-- Steps: $22 turn, $23 version, $24 event, $25 from, $26 to, $27 status, $28 tags, $29 outcome,
-- $30 reason, $31 cause, $32 mail, $33 body, $34 effects, $35 patch, $36 snapshot.
-- Jobs that start: $37 turn, $38 id, $39 lane, $40 queue, $41 type, $42 max attempts, $43 max crashes,
-- $44 timeout ms, $45 payload, $46 payload above 1 KB, $47 metadata, $48 child, $49 gen, $50 source,
-- $51 parks. $52 the change of the gates that the caller knows (null: any): when it is not the last one
-- nothing is done, since a limit may hold what starts.
-- JSON ($15, $20, $21, $33 to $36, $45, $46) is a text, a line per element.
-- Locks: lease rows in id order; then job rows, actors' rows and rows of activities, through primary keys.
-- Index: primary keys. A job is guarded by its version: of one that has moved on nothing is written. An
-- actor is guarded by its version: one that has moved on gets the end as mail, as by finish.sql.
-- Returns the turns whose job has ended, by whether they are committed and whether more mail is due: a
-- row for each of the four, since nearly always there is one.
with held as materialized (
  select le.id, le.worker, le.n_left from perdura.lease le
   where le.id = any($1::uuid[])
     and ($52::bigint is null
          or exists (select from perdura.gate_change where n = $52::bigint))
   order by le.id for update),
x as materialized (
  select x.*, h.id as l, h.worker as w
    from unnest(
      $8::text[], $9::text[], $10::integer[], $11::integer[], $12::text[], $13::text[], $14::text[],
      string_to_array($15::text, e'\n', '')::json[], $16::boolean[], $17::uuid[], $18::integer[],
      $19::integer[], string_to_array($20::text, e'\n', '')::json[],
      string_to_array($21::text, e'\n', '')::json[])
      with ordinality as x(t, i, v, nv, status, place, tags, snapshot, whole, job, jv, lk, o, big, k)
    join unnest($1::uuid[]) with ordinality as n(id, k) on n.k = x.lk
    join held h on h.id = n.id),
gone as (
  delete from perdura.job j using x
   where j.tenant_id = x.t and j.id = x.job and j.version = x.jv and j.state = $2::smallint
  returning x.k, x.l, x.i, x.v, x.nv, x.status, x.place, x.tags as actor_tags, x.snapshot, x.whole,
            j.tenant_id, j.queue, j.parent_id, j.id, x.big, x.w, x.o, j.lane, j.run_at, j.created_at,
            j.started_at, j.cancel_requested_at, j.timeout_ms, j.version, j.priority, j.attempt,
            j.max_attempts, j.crashes, j.max_crashes, j.has_data, j.type, j.payload, j.partition_key,
            j.idempotency_key, j.tags, j.backoff, j.metadata, j.progress, j.last_error, j.cloned_from),
archived as (
  insert into perdura.job_archive (
    tenant_id, id, lane, run_at, created_at, started_at, cancel_requested_at, timeout_ms, version,
    state, priority, attempt, max_attempts, crashes, max_crashes, has_data, has_output, queue, type,
    payload, output, partition_key, idempotency_key, tags, backoff, metadata, progress, last_error,
    cloned_from, parent_id, worker)
  select tenant_id, id, lane, run_at, created_at, started_at, cancel_requested_at, timeout_ms,
         version + 1, $3::smallint, priority, attempt, max_attempts, crashes, max_crashes, has_data,
         big is not null, queue, type, payload, o, partition_key, idempotency_key, tags, backoff,
         metadata, progress, last_error, cloned_from, parent_id, w
    from gone),
moved as ( -- patches need a whole snapshot before them in their partition
  update perdura.actor a
     set version = g.nv, status = g.status, state = g.place, tags = g.actor_tags::text[],
         snapshot = g.snapshot, updated_at = now()
    from gone g
   where a.tenant_id = g.tenant_id and a.id = g.i and a.version = g.v
     and (g.whole or a.updated_at >= date_trunc('day', now()))
  returning g.k, g.tenant_id as t, g.i, a.uid, a.machine_version as mv),
told as ( -- after the actors: whoever leaves an activity locks in this order
  delete from perdura.activity y using gone
   where (select count(*) from moved) >= 0
     and y.tenant_id = gone.tenant_id and y.job_id = gone.id
  returning gone.k, y.tenant_id, y.actor_id, y.job_id, y.child_id, y.gen, y.stopped_at,
            coalesce(gone.o, gone.big) as o, gone.metadata -> 'traceparent' as trace),
mail as (
  insert into perdura.mailbox (tenant_id, actor_id, id, kind, body)
  select tenant_id, actor_id, job_id, case when stopped_at is null then 'done' else 'late' end,
         json_build_object('childId', child_id, 'gen', gen, 'jobId', job_id, 'output', o,
                           'traceparent', trace)
    from told where k not in (select k from moved)),
steps as (
  insert into perdura.actor_step (
    tenant_id, actor_id, version, event, from_state, to_state, status, tags, outcome, reason, cause,
    worker, mail_id, machine_version, body, effects, patch, snapshot)
  select d.t, d.i, r.v, r.e, r.f, r.s, r.status, r.tags::text[], r.o, r.reason, r.cause, $4::uuid,
         r.mail, d.mv, r.body, r.effects, r.patch, r.snapshot
    from unnest(
      $22::integer[], $23::integer[], $24::text[], $25::text[], $26::text[], $27::text[], $28::text[],
      $29::text[], $30::text[], $31::text[], $32::uuid[],
      string_to_array($33::text, e'\n', '')::json[], string_to_array($34::text, e'\n', '')::json[],
      string_to_array($35::text, e'\n', '')::json[], string_to_array($36::text, e'\n', '')::json[])
      as r(k, v, e, f, s, status, tags, o, reason, cause, mail, body, effects, patch, snapshot)
    join moved d on d.k = r.k),
work as materialized (
  select d.t, d.i, d.uid, r.* from unnest(
      $37::integer[], $38::uuid[], $39::bigint[], $40::text[], $41::text[], $42::smallint[],
      $43::smallint[], $44::integer[], string_to_array($45::text, e'\n', '')::json[],
      string_to_array($46::text, e'\n', '')::json[], $47::jsonb[], $48::text[],
      $49::integer[], $50::text[], $51::boolean[])
      as r(k, id, lane, q, type, ma, mc, ms, payload, big, meta, child, gen, src, parks)
    join moved d on d.k = r.k),
jobs as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, started_at, lease_id, timeout_ms, version, state, attempt, priority,
    max_attempts, max_crashes, has_data, queue, type, payload, metadata, parent_id)
  select t, id, lane, now(), now(), $5::uuid, ms, 2, $2::smallint, 1, 0, ma, mc, big is not null, q,
         type, payload, meta, uid
    from work),
leased as (
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  select $5::uuid, $4::uuid, now(), now() + $6::integer * interval '1 millisecond',
         now() + (max(ms)::bigint + $7::integer) * interval '1 millisecond',
         count(*), array_agg(t), array_agg(id)
    from work having count(*) > 0),
data as (
  insert into perdura.job_data (tenant_id, id, kind, value)
  select tenant_id, id, 1, big from gone where big is not null
  union all
  select t, id, 0, big from work where big is not null
  on conflict (tenant_id, id, kind) do nothing),
begun as (
  insert into perdura.activity (tenant_id, job_id, actor_id, child_id, gen, src, parks)
  select t, id, i, child, gen, src, parks from work),
ended as materialized (
  select l, tenant_id, queue, count(*) as n from gone group by l, tenant_id, queue),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, $2::smallint, $3::smallint, sum(n) from ended group by tenant_id, queue
  union all
  select t, q, null, $2::smallint, count(*) from work group by t, q),
finished as materialized (select l, sum(n)::integer as n from ended group by l),
emptied as (
  delete from perdura.lease le using held, finished
   where le.id = held.id and finished.l = held.id and held.n_left <= finished.n),
lowered as (
  update perdura.lease le set n_left = held.n_left - finished.n from held, finished
   where le.id = held.id and finished.l = held.id and held.n_left > finished.n)
select string_agg(g.k::text, ',') as turns, g.moved, g.has_mail, now() as c, now()::text as r
  from (select k, k in (select k from moved) as moved,
               exists (select from perdura.mailbox b
                        where b.tenant_id = gone.tenant_id and b.actor_id = gone.i and not b.parked
                          and b.due_at <= now()) as has_mail
          from gone) g
 group by g.moved, g.has_mail
