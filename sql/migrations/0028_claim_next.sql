-- The claim of one job as a function of its own: nothing in it has to work for many (decision 119).
-- Locks: only a new object.

-- perdura.claim_level where one job is due, or wanted: the same parameters, rows, locks and answer. Where more are
-- both due and wanted, it is claim_level itself.
-- Locks: the picked job row, FOR UPDATE SKIP LOCKED; it stays locked for the statements after it.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
-- The change is looked for by the statement that picks. Plans, history and commit: see claim_level.
create function perdura.claim_next(
  lease_id uuid, worker uuid, lease_ms integer, grace_ms integer, from_states smallint[], to_state smallint,
  wanted integer, tenant text, lane bigint, priority smallint, cursor_at timestamptz, cursor_id uuid, change bigint)
returns table (jobs text, kind text) language plpgsql
set enable_seqscan = off set jit = off as $$
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
  returning j.id, j.queue, j.timeout_ms,
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
  return next;
end $$;
