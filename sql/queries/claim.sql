-- Claim up to $8 due jobs. $1 lease id, $2 worker, $3 lease ms, $4 grace ms, $5 from-states (array),
-- $6 to-state, $7 event, $8 limit, $9 alone; then the levels (a lane at one priority) as array
-- literals, those of a lane in the order of their priority: $10 number of the lane, $11 its quantum,
-- $12 tenant, $13 lane, $14 priority, $15 cursor run_at, $16 cursor id.
-- Locks: the picked job rows, FOR UPDATE SKIP LOCKED, lane by lane in claim order.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
-- `picked` is MATERIALIZED: claimed <= asked under every plan. HOT update: no indexed column changes.
-- alone: only jobs one crash below their limit; otherwise never those.
with level as materialized (
  select * from unnest(
    $10::integer[], $11::integer[], $12::text[], $13::bigint[], $14::smallint[],
    $15::timestamptz[], $16::uuid[]) as v(k, n, t, lane, p, r, i)),
lane as materialized (select distinct on (k) k, n from level order by k),
picked as materialized (
  select c.* from lane l cross join lateral (
    select c.* from level v cross join lateral (
      select j.ctid as tid, j.tenant_id, j.id, j.state from perdura.job j
       where j.tenant_id = v.t and j.lane = v.lane and j.priority = v.p
         and j.run_at <= now() and (j.run_at, j.id) >= (v.r, v.i)
         and j.state = any($5::smallint[])
         and (j.crashes > 0 and j.crashes >= j.max_crashes - 1) = $9::boolean
       order by j.run_at, j.id
       limit l.n for update skip locked) c
     where v.k = l.k
     limit l.n) c
  limit $8::integer),
claimed as (
  update perdura.job j
     set state = $6::smallint, version = j.version + 1, attempt = j.attempt + 1,
         lease_id = $1::uuid, started_at = now()
   where j.ctid = any(array(select tid from picked))
  returning j.tenant_id, j.id, j.lane, j.queue, j.type, j.priority, j.run_at, j.version, j.attempt,
            j.max_attempts, j.crashes, j.max_crashes, j.timeout_ms, j.payload, j.has_data,
            j.backoff, j.metadata, j.tags, j.created_at),
leased as (
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  select $1::uuid, $2::uuid, now(), now() + $3::integer * interval '1 millisecond',
         now() + (max(timeout_ms)::bigint + $4::integer) * interval '1 millisecond',
         count(*), array_agg(tenant_id), array_agg(id)
    from claimed having count(*) > 0),
moved as materialized (
  select c.tenant_id, c.id, c.queue, c.version, c.attempt, p.state as from_state
    from claimed c join picked p on p.tenant_id = c.tenant_id and p.id = c.id),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, from_state, $6::smallint, count(*)
    from moved group by tenant_id, queue, from_state),
history as (
  insert into perdura.transition (
    tenant_id, job_id, worker, version, event, from_state, to_state, attempt)
  select tenant_id, id, $2::uuid, version, $7::smallint, from_state, $6::smallint, attempt from moved)
select c.tenant_id as t, c.id as i, c.lane as l, c.queue as q, c.type as k, c.priority as p,
       c.run_at::text as r, c.version as v, c.attempt as a, c.max_attempts as ma, c.crashes as cr,
       c.max_crashes as mc, c.timeout_ms as ms, c.backoff as back, c.metadata as meta, to_jsonb(c.tags) as tags,
       c.created_at as at,
       case when c.has_data
            then (select d.value from perdura.job_data d
                   where d.tenant_id = c.tenant_id and d.id = c.id and d.kind = 0)
            else c.payload end as y
  from claimed c
