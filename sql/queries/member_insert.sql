-- Store plain jobs as members of an actor: insert_plain.sql, and a row of `activity` for each. $1 tenant,
-- $2 the job whose transaction this is, an activity of the actor; $3 initial state, $4 metadata of all;
-- then array literals, one element per job: $5 id, $6 number of its definition, $7 payload, $8 label;
-- then one per definition: $9 lane, $10 queue, $11 type, $12 partition key, $13 priority, $14 max attempts,
-- $15 max crashes, $16 timeout ms, $17 how many jobs have it.
-- $7 is a text, a line per job.
-- Locks: the row of the opening activity, so that the actor cannot leave meanwhile; then the new rows.
-- Index: primary keys of activity and actor; job_claim, activity_actor (one entry each).
-- No row back: the actor has left, and nothing is stored.
with mine as materialized (
  select y.actor_id, a.uid, coalesce((a.snapshot -> 'birth' ->> 'gen')::integer, 0) as gen
    from perdura.activity y
    join perdura.actor a on a.tenant_id = y.tenant_id and a.id = y.actor_id
   where y.tenant_id = $1::text and y.job_id = $2::uuid and y.stopped_at is null
   for update of y),
definition as materialized (
  select * from unnest(
    $9::bigint[], $10::text[], $11::text[], $12::text[], $13::smallint[], $14::smallint[],
    $15::smallint[], $16::integer[], $17::integer[])
    with ordinality as d(lane, q, k, part, p, ma, mc, ms, n, number)),
ins as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, timeout_ms, version, state, priority, max_attempts, max_crashes,
    has_data, queue, type, payload, partition_key, metadata, parent_id)
  select $1::text, r.i, d.lane, now(), d.ms, 1, $3::smallint, d.p, d.ma, d.mc, false, d.q, d.k, r.y,
         d.part, $4::jsonb, mine.uid
    from mine
   cross join unnest($5::uuid[], $6::integer[], string_to_array($7::text, e'\n', '')::json[])
           as r(i, d, y)
    join definition d on d.number = r.d),
members as (
  insert into perdura.activity (
    tenant_id, job_id, actor_id, child_id, gen, src, parks, is_member, label)
  select $1::text, r.i, mine.actor_id, '', mine.gen, '', false, true, r.label
    from mine cross join unnest($5::uuid[], $8::text[]) as r(i, label)),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, to_state, n)
  select $1::text, q, $3::smallint, sum(n) from definition where exists (select from mine) group by q)
select actor_id as i from mine
