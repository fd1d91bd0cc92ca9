-- Commit successes of jobs that hold slots or a place, and give those back. Parameters and guards as of
-- finish.sql, of which this is a copy with the parts `left_place` to `dropped`: jobs without limits and order pay
-- nothing for it. They are those of commit.sql.
-- Locks: lease rows first, in id order; then job rows; then slots and places; then the rows of those that are
-- first in their key now, SKIP LOCKED: who holds one may wait for a place here. What is passed over, or not
-- seen yet, is left to promote.sql. Index: as finish.sql, slot_lease, place_job and the primary keys of slot and place.
-- The slots of a lease are moved by those who hold its row: the last to end takes what there is of them.
with held as materialized (
  select le.id, le.worker, le.n_left from perdura.lease le
   where le.id = any($1::uuid[])
   order by le.id for update),
named as materialized (
  select n.k, h.id as l, h.worker as w
    from unnest($1::uuid[]) with ordinality as n(id, k) join held h on h.id = n.id),
x as ( -- the tenant by its number: from a join, plans came out that search job's key by the id alone
  select ($4::text[])[r.k] as t, r.i, r.v, r.o, r.big, n.l, n.w
    from unnest($5::uuid[], $6::integer[], $7::integer[], $8::json[], $9::json[])
      as r(i, v, k, o, big)
    join named n on n.k = r.k),
gone as ( -- first what is read again below: a reader unpacks a row up to its last column
  delete from perdura.job j using x
   where j.tenant_id = any(array[x.t]) and j.id = x.i and j.version = x.v and j.state = $2::smallint
  returning x.l, j.tenant_id, j.queue, j.parent_id, j.id, x.big, x.w, x.o, j.lane, j.run_at, j.created_at,
            j.started_at, j.cancel_requested_at, j.timeout_ms, j.version, j.priority, j.attempt,
            j.max_attempts, j.crashes, j.max_crashes, j.has_data, j.type, j.payload, j.partition_key,
            j.idempotency_key, j.tags, j.backoff, j.metadata, j.progress, j.last_error, j.cloned_from,
            j.ordering_key, j.limit_key),
archived as (
  insert into perdura.job_archive (
    tenant_id, id, lane, run_at, created_at, started_at, cancel_requested_at, timeout_ms, version,
    state, priority, attempt, max_attempts, crashes, max_crashes, has_data, has_output, queue, type,
    payload, output, partition_key, idempotency_key, tags, backoff, metadata, progress, last_error,
    cloned_from, parent_id, worker, ordering_key, limit_key)
  select tenant_id, id, lane, run_at, created_at, started_at, cancel_requested_at, timeout_ms,
         version + 1, $3::smallint, priority, attempt, max_attempts, crashes, max_crashes, has_data,
         big is not null, queue, type, payload, o, partition_key, idempotency_key, tags, backoff,
         metadata, progress, last_error, cloned_from, parent_id, w, ordering_key, limit_key
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
left_place as (
  delete from perdura.place p using gone g
   where g.ordering_key is not null and p.tenant_id = g.tenant_id and p.job_id = g.id
  returning p.tenant_id, p.key, p.job_id),
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
finished as materialized (select l, sum(n)::integer as n from ended group by l),
freed as ( -- a gate that had no limit at the claim has no row
  update perdura.slot s set n = s.n - f.n
    from (select e.l, w.t, w.kind, w.name, sum(e.n)::integer as n
            from (select l, tenant_id, queue, type, limit_key, count(*) as n from gone
                   group by l, tenant_id, queue, type, limit_key) e
            join held h on h.id = e.l
            cross join lateral (values
              (e.tenant_id, 0, ''), (e.tenant_id, 1, e.queue), (e.tenant_id, 2, e.type), ('*', 2, e.type),
              (e.tenant_id, 3, e.limit_key)) as w(t, kind, name)
           where h.n_left > (select f.n from finished f where f.l = h.id)
           group by e.l, w.t, w.kind, w.name) f
   where s.lease_id = f.l and s.tenant_id = f.t and s.kind = f.kind and s.name = f.name),
dropped as ( -- the end of a lease is that of its slots
  delete from perdura.slot s
   where s.lease_id = any(array(
     select h.id from held h join finished f on f.l = h.id where h.n_left <= f.n))),
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
