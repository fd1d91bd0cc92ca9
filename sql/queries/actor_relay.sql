-- Commit activities that have succeeded, each with the turn that its actor takes on hearing of it, and
-- start the activities that those turns begin: finish.sql, actor_commit.sql and insert_started.sql in
-- one, for turns of one step that cause nothing else. $1 lease ids, $2 running, $3 succeeded, $4 worker,
-- $5 lease of what starts, $6 lease ms, $7 grace ms, $8 the change of the gates that the caller knows
-- (null: any): when it is not the last one nothing is done, since a limit may hold what starts. Then
-- array literals, one element per turn, sorted by name: $9 tenant, $10 actor, $11 version read,
-- $12 status, $13 state, $14 tags, $15 snapshot, $16 its step holds the whole snapshot, $17 job,
-- $18 job's version, $19 output, $20 output above 1 KB; its step: $21 event, $22 from, $23 outcome,
-- $24 reason, $25 cause, $26 body, $27 effects, $28 patch; the job that starts: $29 id (null: none),
-- $30 lane, $31 queue, $32 type, $33 max attempts, $34 max crashes, $35 timeout ms, $36 payload,
-- $37 payload above 1 KB, $38 metadata, $39 child, $40 gen, $41 source, $42 parks,
-- $43 partition.
-- JSON ($15, $19, $20, $26 to $28, $36, $37) is a text, a line per element.
-- Locks: lease rows in id order; then job rows, actors' rows and rows of activities, through primary keys.
-- Index: primary keys. A job is guarded by its version and lease: of one that has moved on nothing is
-- written. An actor is guarded by its version: one that has moved on gets the end as mail, as by finish.sql.
-- One list of all there is of a turn goes from part to part: joins and lists of their own cost each
-- statement more than each turn.
-- Returns the numbers, from 1, of the turns that are committed, of those of them with more mail due, and
-- of those whose end is mail.
with held as materialized (
  select le.id, le.worker, le.n_left from perdura.lease le
   where le.id = any($1::uuid[])
     and not le.holds_slots -- finish_limited.sql gives those back
     and ($8::bigint is null
          or exists (select from perdura.gate_change where n = $8::bigint))
   order by le.id for update),
gone as (
  delete from perdura.job j using held h, unnest(
    $9::text[], $10::text[], $11::integer[], $12::text[], $13::text[], $14::text[],
    string_to_array($15::text, e'\n', '')::json[], $16::boolean[], $17::uuid[], $18::integer[],
    string_to_array($19::text, e'\n', '')::json[], string_to_array($20::text, e'\n', '')::json[],
    $21::text[], $22::text[], $23::text[], $24::text[], $25::text[],
    string_to_array($26::text, e'\n', '')::json[], string_to_array($27::text, e'\n', '')::json[],
    string_to_array($28::text, e'\n', '')::json[], $29::uuid[], $30::bigint[], $31::text[], $32::text[],
    $33::smallint[], $34::smallint[], $35::integer[], string_to_array($36::text, e'\n', '')::json[],
    string_to_array($37::text, e'\n', '')::json[], $38::jsonb[], $39::text[], $40::integer[],
    $41::text[], $42::boolean[], $43::text[])
    with ordinality as x(t, i, v, status, place, tags, snapshot, whole, job, jv, o, big, event, f,
      outcome, reason, cause, body, effects, patch, nid, nlane, nq, ntype, ma, mc, ms, npayload, nbig,
      meta, child, gen, src, parks, part, k)
   where j.tenant_id = any(array[x.t]) and j.id = x.job and j.version = x.jv and j.state = $2::smallint
     and j.lease_id = h.id
  returning x.k, h.id as l, h.worker as w, j.tenant_id, j.queue, j.id, x.i, x.v, x.o, x.big, x.nid,
            j.parent_id, j.lane, j.run_at, j.created_at, j.started_at, j.cancel_requested_at,
            j.timeout_ms, j.version, j.priority, j.attempt, j.max_attempts, j.crashes, j.max_crashes,
            j.has_data, j.type, j.payload, j.partition_key, j.idempotency_key, j.tags, j.backoff,
            j.metadata, j.progress, j.last_error, j.cloned_from, x.status, x.place, x.tags as actor_tags,
            x.snapshot, x.whole, x.event, x.f, x.outcome, x.reason, x.cause, x.body, x.effects, x.patch,
            x.nlane, x.nq, x.ntype, x.ma, x.mc, x.ms, x.npayload, x.nbig, x.meta, x.child, x.gen, x.src,
            x.parks, x.part),
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
     set version = g.v + 1, status = g.status, state = g.place, tags = g.actor_tags::text[],
         snapshot = g.snapshot, updated_at = now()
    from gone g
   where a.tenant_id = g.tenant_id and a.id = g.i and a.version = g.v
     and (g.whole or g.patch is null or a.updated_at >= date_trunc('day', now()))
  returning g.k, g.tenant_id as t, g.i, a.uid, a.machine_version as mv, a.version, a.state, a.status,
            a.tags, g.id as job, g.event, g.f, g.outcome, g.reason, g.cause, g.body, g.effects, g.patch,
            case when g.whole then g.snapshot end as snapshot, g.nid, g.nlane, g.nq, g.ntype, g.ma, g.mc,
            g.ms, g.npayload, g.nbig, g.meta, g.child, g.gen, g.src, g.parks, g.part),
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
  select t, i, version, event, f, state, status, tags, outcome, reason, cause, $4::uuid, job, mv, body,
         effects, patch, snapshot
    from moved),
jobs as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, started_at, lease_id, timeout_ms, version, state, attempt, priority,
    max_attempts, max_crashes, has_data, queue, type, payload, partition_key, metadata, parent_id)
  select t, nid, nlane, now(), now(), $5::uuid, ms, 2, $2::smallint, 1, 0, ma, mc, nbig is not null, nq,
         ntype, npayload, part, meta, uid
    from moved where nid is not null),
begun as (
  insert into perdura.activity (tenant_id, job_id, actor_id, child_id, gen, src, parks)
  select t, nid, i, child, gen, src, parks from moved where nid is not null),
leased as (
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  select $5::uuid, $4::uuid, now(), now() + $6::integer * interval '1 millisecond',
         now() + (max(ms)::bigint + $7::integer) * interval '1 millisecond',
         count(*), array_agg(t), array_agg(nid)
    from moved where nid is not null having count(*) > 0),
data as (
  insert into perdura.job_data (tenant_id, id, kind, value)
  select tenant_id, id, 1, big from gone where big is not null
  union all
  select t, nid, 0, nbig from moved where nbig is not null
  on conflict (tenant_id, id, kind) do nothing),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, $2::smallint, $3::smallint, count(*) from gone group by tenant_id, queue
  union all
  select t, nq, null, $2::smallint, count(*) from moved where nid is not null group by t, nq),
finished as materialized (
  select h.id as l, h.n_left - count(*)::integer as n_left
    from gone join held h on h.id = gone.l group by h.id, h.n_left),
emptied as (
  delete from perdura.lease le using finished f where le.id = any(array[f.l]) and f.n_left <= 0),
lowered as (
  update perdura.lease le set n_left = f.n_left from finished f where le.id = any(array[f.l]) and f.n_left > 0)
select coalesce(string_agg(g.k::text, ',') filter (where g.moved), '') as committed,
       coalesce(string_agg(g.k::text, ',') filter (where g.moved and g.has_mail), '') as with_mail,
       coalesce(string_agg(g.k::text, ',') filter (where not g.moved), '') as mailed,
       now() as c, now()::text as r
  from (select k, k in (select k from moved) as moved,
               exists (select from perdura.mailbox b
                        where b.tenant_id = gone.tenant_id and b.actor_id = gone.i and not b.parked
                          and b.due_at <= now()) as has_mail
          from gone) g
