-- Claims tell where the rows are that they have changed, so that an end finds them there without an index; and take
-- the order of their index, whatever the planner believes about the size of the table (decision 145): autovacuum that
-- comes by while a queue is nearly empty and somebody holds a snapshot counts next to nothing in thousands of pages.
-- Workers from before go on with what they read of the answer.
-- Locks: only the functions.
drop function perdura.claim_next;
drop function perdura.claim_level;

-- Claim up to $7 due jobs of one level, a lane at one priority: what most claims ask. $1 lease id, $2 worker,
-- $3 lease ms, $4 grace ms, $5 from-states, $6 to-state; $8 tenant, $9 lane, $10 priority, $11 cursor run_at,
-- $12 cursor id; $13 the change of the gates that the caller knows (null: any). Never suspects.
-- Locks: the picked job rows, FOR UPDATE SKIP LOCKED, in claim order; they stay locked for the statements after it.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
-- The change is looked for by the statement that picks: what is committed between two looks is seen by both or none.
-- Behind a pooler, too, its plans last, and sessions have no settings of ours: those that keep a plan made while the
-- table was empty to the indexes are its own.
-- Its commit does not wait for the disk. History and answer: see claim.sql.
create function perdura.claim_level(
  lease_id uuid, worker uuid, lease_ms integer, grace_ms integer, from_states smallint[], to_state smallint,
  wanted integer, tenant text, lane bigint, priority smallint, cursor_at timestamptz, cursor_id uuid, change bigint)
returns table (jobs text, kind text, tids text) language plpgsql
set enable_seqscan = off set jit = off set enable_sort = off as $$
#variable_conflict use_column
declare
  picked record;
  example record;
  claimed record;
begin
  perform set_config('synchronous_commit', 'off', true);
  select array_agg(p.tid) as tids, array_agg(p.queue) as queues, array_agg(p.state) as states into picked
    from (
      select j.ctid as tid, j.queue, j.state from perdura.job j
       where j.tenant_id = $8 and j.lane = $9 and j.priority = $10
         and j.run_at <= now() and (j.run_at, j.id) >= ($11, $12)
         and j.state = any($5)
         and not (j.crashes > 0 and j.crashes >= j.max_crashes - 1)
         and ($13 is null or exists (select from perdura.gate_change c where c.n = $13))
       order by j.run_at, j.id
       limit $7 for update skip locked) p;
  if picked.tids is null then
    return;
  end if;
  select j.type, j.queue, j.max_attempts, j.crashes, j.max_crashes, j.timeout_ms, j.run_at into example -- any of them
    from perdura.job j where j.ctid = picked.tids[1];
  with changed as (
    update perdura.job j
       set state = $6, version = j.version + 1, attempt = j.attempt + 1, lease_id = $1, started_at = now()
     where j.ctid = any(picked.tids)
    returning j.id, j.timeout_ms, j.has_data, j.ctid::text as tid,
      concat_ws(E'\x1f', j.id,
        case when j.type = example.type and j.queue = example.queue and j.max_attempts = example.max_attempts
              and j.crashes = example.crashes and j.max_crashes = example.max_crashes
              and j.timeout_ms = example.timeout_ms
             then ''
             else concat_ws(E'\x1e', j.tenant_id, j.lane, j.type, j.queue, j.priority, j.max_attempts,
                            j.crashes, j.max_crashes, j.timeout_ms) end,
        case when j.run_at = example.run_at then '' else j.run_at::text end,
        j.version, j.attempt,
        case when j.created_at = j.run_at then '' else j.created_at::text end,
        case when coalesce(j.backoff, j.metadata, to_jsonb(j.tags), j.last_error -> 'traceparent') is null
             then ''
             else jsonb_build_object('backoff', j.backoff, 'metadata', j.metadata, 'tags', j.tags,
                                     'failed', j.last_error -> 'traceparent')::text end,
        j.payload) as line)
  select count(*)::integer as n, array_agg(c.id) as ids, max(c.timeout_ms)::bigint as longest_ms,
         string_agg(c.line, E'\n') filter (where not c.has_data) as lines,
         string_agg(c.tid, E'\n') filter (where not c.has_data) as tids,
         array_agg(c.id) filter (where c.has_data) as large,
         array_agg(c.line) filter (where c.has_data) as large_lines,
         array_agg(c.tid) filter (where c.has_data) as large_tids
    into claimed from changed c;
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  values ($1, $2, now(), now() + $3 * interval '1 millisecond',
          now() + (claimed.longest_ms + $4) * interval '1 millisecond',
          claimed.n, array_fill($8, array[claimed.n]), claimed.ids);
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select $8, u.queue, u.state, $6, count(*) from unnest(picked.queues, picked.states) as u(queue, state)
   group by u.queue, u.state;
  kind := concat_ws(E'\x1e', $8, $9, example.type, example.queue, $10, example.max_attempts, example.crashes,
                    example.max_crashes, example.timeout_ms, example.run_at);
  if claimed.lines is not null then
    jobs := claimed.lines;
    tids := claimed.tids;
    return next;
  end if;
  if claimed.large is not null then
    return query
    select u.line || E'\x1f' || d.value, claim_level.kind, u.tid
      from unnest(claimed.large, claimed.large_lines, claimed.large_tids) as u(id, line, tid)
      join perdura.job_data d on d.tenant_id = $8 and d.id = u.id and d.kind = 0;
  end if;
end $$;

-- perdura.claim_level where one job is due, or wanted: the same parameters, rows, locks and answer. Where more are
-- both due and wanted, it is claim_level itself.
-- Locks: the picked job row, FOR UPDATE SKIP LOCKED; it stays locked for the statements after it.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
-- The change is looked for by the statement that picks. Plans, history and commit: see claim_level.
create function perdura.claim_next(
  lease_id uuid, worker uuid, lease_ms integer, grace_ms integer, from_states smallint[], to_state smallint,
  wanted integer, tenant text, lane bigint, priority smallint, cursor_at timestamptz, cursor_id uuid, change bigint)
returns table (jobs text, kind text, tids text) language plpgsql
set enable_seqscan = off set jit = off set enable_sort = off as $$
#variable_conflict use_column
declare
  picked record;
  claimed record;
begin
  perform set_config('synchronous_commit', 'off', true);
  select j.ctid as tid, j.state, j.run_at, j.id into picked from perdura.job j
   where j.tenant_id = $8 and j.lane = $9 and j.priority = $10
     and j.run_at <= now() and (j.run_at, j.id) >= ($11, $12)
     and j.state = any($5)
     and not (j.crashes > 0 and j.crashes >= j.max_crashes - 1)
     and ($13 is null or exists (select from perdura.gate_change c where c.n = $13))
   order by j.run_at, j.id
   limit 1 for update skip locked;
  if not found then
    return;
  end if;
  if $7 > 1 and exists (
    select from perdura.job j
     where j.tenant_id = $8 and j.lane = $9 and j.priority = $10
       and j.run_at <= now() and (j.run_at, j.id) > (picked.run_at, picked.id) and j.state = any($5))
  then
    return query select * from perdura.claim_level($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);
    return;
  end if;
  update perdura.job j
     set state = $6, version = j.version + 1, attempt = j.attempt + 1, lease_id = $1, started_at = now()
   where j.ctid = picked.tid
  returning j.id, j.queue, j.timeout_ms, j.ctid::text as tid,
    concat_ws(E'\x1f', j.id, '', '', j.version, j.attempt,
      case when j.created_at = j.run_at then '' else j.created_at::text end,
      case when coalesce(j.backoff, j.metadata, to_jsonb(j.tags), j.last_error -> 'traceparent') is null
           then ''
           else jsonb_build_object('backoff', j.backoff, 'metadata', j.metadata, 'tags', j.tags,
                                   'failed', j.last_error -> 'traceparent')::text end,
      case when j.has_data
           then (select d.value::text from perdura.job_data d
                  where d.tenant_id = $8 and d.id = j.id and d.kind = 0)
           else j.payload::text end) as line,
    concat_ws(E'\x1e', $8, $9, j.type, j.queue, $10, j.max_attempts, j.crashes, j.max_crashes, j.timeout_ms,
              j.run_at) as kind
    into claimed;
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  values ($1, $2, now(), now() + $3 * interval '1 millisecond',
          now() + (claimed.timeout_ms::bigint + $4) * interval '1 millisecond', 1, array[$8], array[claimed.id]);
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  values ($8, claimed.queue, picked.state, $6, 1);
  jobs := claimed.line;
  kind := claimed.kind;
  tids := claimed.tid;
  return next;
end $$;
