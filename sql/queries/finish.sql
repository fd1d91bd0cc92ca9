-- Commit successes of running jobs: into the archive, where the row itself tells how it ended.
-- $1 lease ids, $2 from-state, $3 to-state, $4 tenants: $1 and $4 are array literals with one element
-- for each lease and tenant that jobs share; then one per job: $5 id, $6 version, $7 which of those,
-- $8 output, $9 output above 1 KB, $10 where its row was after the claim (none: left out with its condition).
-- Locks: lease rows first, in id order; then job rows through the primary key.
-- Index: primary keys of lease and job. Each job is guarded by its version: zero rows is a lost lease, or the row has
-- moved since its claim, and is asked for by its key.
-- As commit.sql, for the one decision that nearly every job ends with: less to send, and no row in
-- `transition`. Until the grace of a cancel request is over, a success wins. Returns the rows not moved.
-- Written for a planner that believes the tables are empty (decision 145): `= any(array[…])` gives no join an order
-- to read a whole index for.
with held as materialized (
  select le.id, le.worker, le.n_left from perdura.lease le
   where le.id = any($1::uuid[])
   order by le.id for update),
named as materialized (
  select n.k, h.id as l, h.worker as w
    from unnest($1::uuid[]) with ordinality as n(id, k) join held h on h.id = n.id),
x as ( -- the tenant by its number: from a join, plans came out that search job's key by the id alone
  select ($4::text[])[r.k] as t, r.i, r.v, r.o, r.big, n.l, n.w, r.tid
    from unnest($5::uuid[], $6::integer[], $7::integer[], $8::json[], $9::json[], $10::tid[])
      as r(i, v, k, o, big, tid)
    join named n on n.k = r.k),
gone as ( -- first what is read again below: a reader unpacks a row up to its last column
  delete from perdura.job j using x
   where j.ctid = x.tid
     and j.tenant_id = any(array[x.t]) and j.id = x.i and j.version = x.v and j.state = $2::smallint
  returning x.l, j.tenant_id, j.queue, j.parent_id, j.id, x.big, x.w, x.o, j.lane, j.run_at, j.created_at,
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
data as (
  insert into perdura.job_data (tenant_id, id, kind, value)
  select tenant_id, id, 1, big from gone where big is not null
  on conflict (tenant_id, id, kind) do nothing),
told as ( -- of an actor's activity: its end is mail for the actor
  delete from perdura.activity y using gone
   where gone.parent_id is not null and y.tenant_id = gone.tenant_id and y.job_id = gone.id
  returning y.tenant_id, y.actor_id, y.job_id, y.child_id, y.gen, y.stopped_at, y.is_member,
            coalesce(gone.o, gone.big) as o, gone.metadata -> 'traceparent' as trace),
mail as ( -- of members one for all that end here
  insert into perdura.mailbox (tenant_id, actor_id, id, kind, gen, body)
  select tenant_id, actor_id, job_id, case when stopped_at is null then 'done' else 'late' end, null,
         json_build_object('childId', child_id, 'gen', gen, 'jobId', job_id, 'output', o,
                           'traceparent', trace)
    from told where not is_member
  union all
  select tenant_id, actor_id, gen_random_uuid(), 'event', nullif(gen, 0),
         json_build_object('event', json_build_object('type', 'perdura.ended', 'done', count(*)))
    from told where is_member and stopped_at is null group by tenant_id, actor_id, gen),
ended as materialized (
  select l, tenant_id, queue, count(*) as n from gone group by l, tenant_id, queue),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, $2::smallint, $3::smallint, sum(n) from ended group by tenant_id, queue),
finished as materialized (select l, sum(n)::integer as n from ended group by l),
emptied as (
  delete from perdura.lease le using held, finished
   where le.id = any(array[held.id]) and finished.l = held.id and held.n_left <= finished.n),
lowered as (
  update perdura.lease le set n_left = held.n_left - finished.n from held, finished
   where le.id = any(array[held.id]) and finished.l = held.id and held.n_left > finished.n)
select n.t, r.i
  from unnest($5::uuid[], $7::integer[]) as r(i, k)
  join unnest($4::text[]) with ordinality as n(t, k) on n.k = r.k
 where (select sum(n) from finished) is distinct from cardinality($5::uuid[]) -- the common case hashes nothing
   and not exists (select from gone where gone.tenant_id = n.t and gone.id = r.i)
