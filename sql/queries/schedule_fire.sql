-- Moves schedules on and starts what they fire, in one commit: of any number of processes that have seen
-- the same fire time come due, one moves it, and the others move nothing.
-- $1 initial state of a job; then array literals. Per schedule: $2 tenant, $3 id, $4 version, $5 fire time and
-- $6 waiting run that it was decided on, $7 next fire time, $8 the same with its jitter, $9 waiting run, $10 how
-- many runs, $11 whether to forget old ones. Per line of its list: $12 tenant, $13 id, $14 fire time, $15 cause,
-- $16 outcome, $17 fire times that it stands for, $18 job, $19 actor, $20 whether that has yet to be started,
-- $21 note. Jobs: $22 .. $41 as of insert.sql. $42 the outcome that a later one may take the place of.
-- Locks: schedules in (tenant, id) order, passing over those that another process has; then new rows.
-- Index: primary keys; job_claim (one entry per job). A line is inserted once per (schedule, fire time,
-- cause), and a job with its line alone.
-- Gives how many lines of each schedule were inserted.
with x as materialized (
  select * from unnest(
    $2::text[], $3::text[], $4::integer[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
    $8::timestamptz[], $9::timestamptz[], $10::integer[], $11::boolean[])
    as r(t, i, v, f, b, nf, nd, nb, n, trim)),
held as materialized ( -- row by row: a join would read all schedules, and lock in its own order
  select h.tenant_id, h.id from (select * from x order by t, i) x
    cross join lateral (
      select s.tenant_id, s.id from perdura.schedule s
       where s.tenant_id = x.t and s.id = x.i and s.version = x.v
         and s.fire_at is not distinct from x.f and s.buffered_for is not distinct from x.b
       limit 1 for update skip locked) h),
lines as materialized (
  select y.* from unnest(
      $12::text[], $13::text[], $14::timestamptz[], $15::text[], $16::text[], $17::integer[],
      $18::uuid[], $19::text[], $20::boolean[], $21::text[])
      as y(t, i, f, cause, outcome, n, job, actor, un, note)
    join held h on h.tenant_id = y.t and h.id = y.i),
runs as (
  insert into perdura.schedule_run as r
    (tenant_id, schedule_id, fire_at, cause, outcome, n, job_id, actor_id, is_unstarted, note)
  select t, i, f, cause, outcome, n, job, actor, un, note from lines
  on conflict (tenant_id, schedule_id, fire_at, cause) do update
    set outcome = excluded.outcome, n = excluded.n, job_id = excluded.job_id, at = now(),
        actor_id = excluded.actor_id, is_unstarted = excluded.is_unstarted, note = excluded.note
    where r.outcome = $42::text
  returning tenant_id, schedule_id, job_id),
moved as (
  update perdura.schedule s
     set fire_at = x.nf, due_at = x.nd, buffered_for = x.nb,
         -- What is on the list already (two triggers in one millisecond) is tried again, and counts then.
         run_count = s.run_count + case
           when (select count(*) from runs) = (select count(*) from lines) then x.n
           else least(x.n, (select count(*)::integer from runs
                             where runs.tenant_id = x.t and runs.schedule_id = x.i)) end
    from x join held h on h.tenant_id = x.t and h.id = x.i
   where s.tenant_id = x.t and s.id = x.i),
trimmed as (
  delete from perdura.schedule_run r
   using x join held h on h.tenant_id = x.t and h.id = x.i
   where x.trim and r.tenant_id = x.t and r.schedule_id = x.i and not r.is_unstarted
     and r.fire_at < (select q.fire_at from perdura.schedule_run q
                       where q.tenant_id = x.t and q.schedule_id = x.i
                       order by q.fire_at desc offset 99 limit 1)
     -- Whether a run lives is asked of the last ten: they are known, however many fire times were passed over since.
     and (r.job_id is null and r.actor_id is null
          or r.fire_at < (select q.fire_at from perdura.schedule_run q
                           where q.tenant_id = x.t and q.schedule_id = x.i
                             and (q.job_id is not null or q.actor_id is not null)
                           order by q.fire_at desc offset 9 limit 1))),
z as materialized (
  select r.* from unnest(
      $22::text[], $23::uuid[], $24::bigint[], $25::text[], $26::text[],
      $27::smallint[], $28::smallint[], $29::smallint[], $30::integer[],
      $31::bigint[], $32::timestamptz[], $33::json[],
      $34::json[], $35::text[], $36::jsonb[],
      $37::jsonb[], $38::text[], $39::uuid[], $40::text[],
      $41::bigint[]
    ) as r(t, i, lane, q, k, p, ma, mc, ms, d, at, y, big, part, back, meta, tags, clone, key, hash)
    join runs on runs.tenant_id = r.t and runs.job_id = r.i),
ins as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, timeout_ms, version, state, priority, max_attempts, max_crashes,
    has_data, queue, type, payload, partition_key, tags, backoff, metadata)
  select t, i, lane, now(), ms, 1, $1::smallint, p, ma, mc, big is not null, q, k, y, part,
         tags::text[], back, meta
    from z),
big as (
  insert into perdura.job_data (tenant_id, id, kind, value)
  select t, i, 0, z.big from z where z.big is not null),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, to_state, n)
  select t, q, $1::smallint, count(*) from z group by t, q)
select tenant_id as t, schedule_id as i, count(*)::integer as n from runs group by tenant_id, schedule_id
