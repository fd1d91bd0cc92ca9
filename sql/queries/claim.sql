-- Claim up to $7 due jobs. $1 lease id, $2 worker, $3 lease ms, $4 grace ms, $5 from-states (array),
-- $6 to-state, $7 limit, $8 alone; then the levels (a lane at one priority) as array literals, those
-- of a lane in the order of their priority: $9 number of the lane, $10 its quantum, $11 tenant,
-- $12 lane, $13 priority, $14 cursor run_at, $15 cursor id.
-- $16 the change of the gates that the caller knows (null: any). When it is not the last one, nothing is taken:
-- who was frozen since it looked knows of no limit that holds by now.
-- Locks: the picked job rows, FOR UPDATE SKIP LOCKED, lane by lane in claim order.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
-- `picked` is MATERIALIZED: claimed <= asked under every plan. HOT update: no indexed column changes.
-- A job that was changed since the snapshot (PATCH, RETRY_NOW) is picked as it is now, and not found by the update,
-- which sees the snapshot: it waits for the next claim, and is not counted.
-- alone: only jobs one crash below their limit; otherwise never those.
-- The claimed row is its own history: version, attempt, started_at, and the worker of its lease.
-- Its commit does not wait for the disk. A server that crashes may forget the claims of its last
-- moments, rows and lease together: the jobs are waiting again, and every write under the forgotten
-- lease is refused (decision 18). Not so for suspects, whose crashes must count.
-- Returns text: a line per job, its fields apart by the unit separator, which neither names nor JSON
-- can hold (src/store/claimed.ts reads it); many columns cost the reader more than the claim. A line is
-- made where its row is at hand: columns that are passed on are copied, and taken apart again. What most
-- jobs of a claim have alike is told once, in `kind`; a line that has it leaves it empty, its due time if
-- that is the same, and its creation if it was due at once. Jobs with a large payload come as rows of their own.
-- `tids`, in the same order: where each row is now, which its end asks first.
with unhurried as materialized (
  select case when not $8::boolean then set_config('synchronous_commit', 'off', true) end),
level as materialized (
  select v.* from unhurried, unnest(
    $9::integer[], $10::integer[], $11::text[], $12::bigint[], $13::smallint[],
    $14::timestamptz[], $15::uuid[]) as v(k, n, t, lane, p, r, i)
   where $16::bigint is null or exists (select from perdura.gate_change where n = $16::bigint)),
lane as materialized (select distinct on (k) k, n from level order by k),
picked as materialized (
  select c.* from lane l cross join lateral (
    select c.* from level v cross join lateral (
      select j.ctid as tid, j.tenant_id, j.id, j.queue, j.state from perdura.job j
       where j.tenant_id = v.t and j.lane = v.lane and j.priority = v.p
         and j.run_at <= now() and (j.run_at, j.id) >= (v.r, v.i)
         and j.state = any($5::smallint[])
         and (j.crashes > 0 and j.crashes >= j.max_crashes - 1) = $8::boolean
       order by j.run_at, j.id
       limit l.n for update skip locked) c
     where v.k = l.k
     limit l.n) c
  limit $7::integer),
example as materialized ( -- any of them
  select j.tenant_id, j.lane, j.type, j.queue, j.priority, j.max_attempts, j.crashes, j.max_crashes,
         j.timeout_ms, j.run_at
    from perdura.job j where j.ctid = (select tid from picked limit 1)),
claimed as (
  update perdura.job j
     set state = $6::smallint, version = j.version + 1, attempt = j.attempt + 1,
         lease_id = $1::uuid, started_at = now()
   where j.ctid = any(array(select tid from picked))
  returning j.tenant_id, j.id, j.timeout_ms, j.has_data, j.ctid::text as tid,
    concat_ws(E'\x1f', j.id,
      case when (j.tenant_id, j.lane, j.type, j.queue, j.priority, j.max_attempts, j.crashes, j.max_crashes,
                 j.timeout_ms)
              = (select tenant_id, lane, type, queue, priority, max_attempts, crashes, max_crashes, timeout_ms
                   from example)
           then ''
           else concat_ws(E'\x1e', j.tenant_id, j.lane, j.type, j.queue, j.priority, j.max_attempts,
                          j.crashes, j.max_crashes, j.timeout_ms) end,
      case when j.run_at = (select run_at from example) then '' else j.run_at::text end,
      j.version, j.attempt,
      case when j.created_at = j.run_at then '' else j.created_at::text end,
      case when coalesce(j.backoff, j.metadata, to_jsonb(j.tags), j.last_error -> 'traceparent') is null
           then ''
           else jsonb_build_object('backoff', j.backoff, 'metadata', j.metadata, 'tags', j.tags,
                                   'failed', j.last_error -> 'traceparent')::text end,
      j.payload) as line),
leased as (
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  select $1::uuid, $2::uuid, now(), now() + $3::integer * interval '1 millisecond',
         now() + (max(timeout_ms)::bigint + $4::integer) * interval '1 millisecond',
         count(*), array_agg(tenant_id), array_agg(id)
    from claimed having count(*) > 0),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, state, $6::smallint, count(*) from picked
   where (select count(*) from picked) = (select count(*) from claimed) -- the common case hashes nothing
      or (tenant_id, id) in (select c.tenant_id, c.id from claimed c)
   group by tenant_id, queue, state)
select string_agg(c.line, E'\n') as jobs,
       (select concat_ws(E'\x1e', tenant_id, lane, type, queue, priority, max_attempts, crashes, max_crashes,
                         timeout_ms, run_at) from example) as kind,
       string_agg(c.tid, E'\n') as tids
  from claimed c
 where not c.has_data
union all
select c.line || E'\x1f' || d.value,
       (select concat_ws(E'\x1e', tenant_id, lane, type, queue, priority, max_attempts, crashes, max_crashes,
                         timeout_ms, run_at) from example), c.tid
  from claimed c
  join perdura.job_data d on d.tenant_id = c.tenant_id and d.id = c.id and d.kind = 0
 where c.has_data
