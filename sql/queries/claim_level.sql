-- Claim up to $7 due jobs of one level, a lane at one priority: claim.sql for what most claims ask, in half its
-- parts. A statement of few jobs costs what its parts cost to begin. $1 lease id, $2 worker, $3 lease ms,
-- $4 grace ms, $5 from-states (array), $6 to-state, $7 limit; $8 tenant, $9 lane, $10 priority, $11 cursor
-- run_at, $12 cursor id; $13 the change of the gates that the caller knows (null: any). Never suspects.
-- Locks: the picked job rows, FOR UPDATE SKIP LOCKED, in claim order.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
-- `picked` is MATERIALIZED: claimed <= asked under every plan. HOT update: no indexed column changes.
-- Its commit does not wait for the disk. History and answer: see claim.sql.
with picked as materialized (
  select j.ctid as tid, j.queue, j.state from perdura.job j
   where j.tenant_id = $8::text and j.lane = $9::bigint and j.priority = $10::smallint
     and j.run_at <= now() and (j.run_at, j.id) >= ($11::text::timestamptz, $12::uuid)
     and j.state = any($5::smallint[])
     and not (j.crashes > 0 and j.crashes >= j.max_crashes - 1)
     and ($13::bigint is null or exists (select from perdura.gate_change where n = $13::bigint))
   order by j.run_at, j.id
   limit $7::integer for update skip locked),
example as materialized ( -- any of them
  select j.type, j.queue, j.max_attempts, j.crashes, j.max_crashes, j.timeout_ms, j.run_at
    from perdura.job j where j.ctid = (select tid from picked limit 1)),
claimed as (
  update perdura.job j
     set state = $6::smallint, version = j.version + 1, attempt = j.attempt + 1,
         lease_id = $1::uuid, started_at = now()
   where j.ctid = any(array(select tid from picked))
  returning j.tenant_id, j.id, j.timeout_ms, j.has_data,
    concat_ws(E'\x1f', j.id,
      case when (j.type, j.queue, j.max_attempts, j.crashes, j.max_crashes, j.timeout_ms)
              = (select type, queue, max_attempts, crashes, max_crashes, timeout_ms from example)
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
  select $8::text, queue, state, $6::smallint, count(*) from picked group by queue, state)
select string_agg(c.line, E'\n') as jobs,
       (select concat_ws(E'\x1e', $8::text, $9::bigint, type, queue, $10::smallint, max_attempts, crashes,
                         max_crashes, timeout_ms, run_at) from example) as kind,
       set_config('synchronous_commit', 'off', true) as hurry
  from claimed c
 where not c.has_data
union all
select c.line || E'\x1f' || d.value,
       (select concat_ws(E'\x1e', $8::text, $9::bigint, type, queue, $10::smallint, max_attempts, crashes,
                         max_crashes, timeout_ms, run_at) from example),
       null
  from claimed c
  join perdura.job_data d on d.tenant_id = c.tenant_id and d.id = c.id and d.kind = 0
 where c.has_data
