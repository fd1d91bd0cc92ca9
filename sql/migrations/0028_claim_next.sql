-- The claim of one job as a function of its own: nothing in it has to work for many (decision 119).
-- Locks: only a new object.

-- Claim the next due job of one level: perdura.claim_level for a single one. $1 lease id, $2 worker, $3 lease ms,
-- $4 grace ms, $5 from-states, $6 to-state; $7 tenant, $8 lane, $9 priority, $10 cursor run_at, $11 cursor id;
-- $12 the change of the gates that the caller knows (null: any). Never a suspect.
-- Locks: the picked job row, FOR UPDATE SKIP LOCKED; it stays locked for the statements after it.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
-- The change is looked for by the statement that picks. Plans, history, commit and answer: see claim_level.
create function perdura.claim_next(
  lease_id uuid, worker uuid, lease_ms integer, grace_ms integer, from_states smallint[], to_state smallint,
  tenant text, lane bigint, priority smallint, cursor_at timestamptz, cursor_id uuid, change bigint)
returns table (jobs text, kind text) language plpgsql
set enable_seqscan = off set jit = off as $$
#variable_conflict use_column
declare
  picked record;
  claimed record;
begin
  perform set_config('synchronous_commit', 'off', true);
  select j.ctid as tid, j.state into picked from perdura.job j
   where j.tenant_id = $7 and j.lane = $8 and j.priority = $9
     and j.run_at <= now() and (j.run_at, j.id) >= ($10, $11)
     and j.state = any($5)
     and not (j.crashes > 0 and j.crashes >= j.max_crashes - 1)
     and ($12 is null or exists (select from perdura.gate_change c where c.n = $12))
   order by j.run_at, j.id
   limit 1 for update skip locked;
  if not found then
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
                  where d.tenant_id = $7 and d.id = j.id and d.kind = 0)
           else j.payload::text end) as line,
    concat_ws(E'\x1e', $7, $8, j.type, j.queue, $9, j.max_attempts, j.crashes, j.max_crashes, j.timeout_ms,
              j.run_at) as kind
    into claimed;
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  values ($1, $2, now(), now() + $3 * interval '1 millisecond',
          now() + (claimed.timeout_ms::bigint + $4) * interval '1 millisecond', 1, array[$7], array[claimed.id]);
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  values ($7, claimed.queue, picked.state, $6, 1);
  jobs := claimed.line;
  kind := claimed.kind;
  return next;
end $$;
