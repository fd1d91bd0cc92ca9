-- Claim up to $7 due jobs of lanes that have to pass gates. $1 to $15 as of claim.sql, with the same
-- meaning; then per level $16 queue, $17 type; $18 starts per period of a tenant whose gate names no rate
-- (null: any); $19 only this job, at $20 this version (null: any); then per level $21 limit key (null: none), $22 whether
-- its jobs have an ordering key.
-- Locks: first the gates, FOR UPDATE SKIP LOCKED, in the order of their key; then the picked job rows, FOR
-- UPDATE SKIP LOCKED, lane by lane in claim order. A gate that somebody else holds is left out, and its
-- lanes with it: whoever claims there now is done in a moment.
-- Index: primary keys of gate, breaker and slot; job_claim as in claim.sql.
-- Why it cannot overshoot: what is left of a rate stands in the locked row, and the clock is read behind the
-- lock, so that starts are counted in the order of their times. Slots are rows of their own, one per gate and
-- lease, read as of the snapshot; whoever took some since has moved the version of the gate, and then its lanes
-- are left out as well. Slots given back since are merely not seen.
-- A breaker stands at its gate, and moves the version of the gate: what is read of it is current. Half-open, its
-- probes are slots.
-- Each job passes all of its gates or none: within a gate that has less left than was picked for it, the jobs are
-- numbered in turns of their lanes, and those beyond what is left stay where they are, untouched.
-- What is counted is counted per lane and gate, once: no row is written for the gates of a single job.
-- Its commit waits for the disk: a start that was counted is not forgotten.
-- Returns the jobs as claim.sql does, and one row with a report: gates that are closed now, with the reason
-- and for how long; lanes with jobs beyond what was left; whether the lease holds slots.
with asked as materialized ( -- out of the planner's sight: for few lanes it would make a plan for every claim
  select $9::integer[] as k, $10::integer[] as n, $11::text[] as t, $12::bigint[] as lane, $13::smallint[] as p,
         $14::timestamptz[] as r, $15::uuid[] as i, $16::text[] as q, $17::text[] as y, $21::text[] as lk,
         $22::boolean[] as o),
level as materialized (
  select v.* from asked a cross join lateral unnest(a.k, a.n, a.t, a.lane, a.p, a.r, a.i, a.q, a.y, a.lk, a.o)
    as v(k, n, t, lane, p, r, i, q, y, lk, o)),
way as materialized (
  select l.k, l.n, g.tenant_id, g.kind, g.name, g.version
    from (select distinct on (k) k, n, t, q, y, lk from level order by k) l
    left join lateral (
      select g.tenant_id, g.kind, g.name, g.version
        from (values (l.t, 0, ''), (l.t, 1, l.q), (l.t, 2, l.y), ('*', 2, l.y), (l.t, 3, l.lk)) as w(t, kind, name)
        join perdura.gate g on g.tenant_id = w.t and g.kind = w.kind and g.name = w.name) g on true),
locked as materialized (
  select g.* from perdura.gate g
   where (g.tenant_id, g.kind, g.name) in (select w.tenant_id, w.kind, w.name from way w)
   order by g.tenant_id, g.kind, g.name for update skip locked),
clock as materialized (
  select clock_timestamp() as at, l.n from (select count(*) as n from locked) l),
room as materialized (
  select m.*, case when is_open or is_paused or settles_at is not null then 0
                   else least(starts_left, slots_left, 1000000)::integer end as n
    from (
      select row_number() over ()::integer as g, g.tenant_id, g.kind, g.name, g.version, g.period_ms, w.concurrency,
             g.settles_at, clock.at, coalesce(k.state = 'open', false) as is_open, k.open_until,
             r.rate, r.burst, b.tokens, now_tick.tick, t.tick_at, t.tick_n, v.guests,
             g.paused_at is not null as is_paused,
             case when r.rate = r.burst then r.rate - coalesce(t.n, 0)
                  when r.rate is not null then floor(b.tokens) end as starts_left,
             w.concurrency - v.guests - s.taken as slots_left
        from clock cross join locked g
        left join perdura.breaker k on k.tenant_id = g.tenant_id and k.kind = g.kind and k.name = g.name
        cross join lateral (
          select least(g.concurrency, case when k.state = 'half_open' then k.probes end) as concurrency) w
        cross join lateral (
          select coalesce(g.rate, case when g.kind = 0 then $18::integer end) as rate,
                 coalesce(g.burst, g.rate, $18::integer) as burst) r
        cross join lateral (
          select floor(extract(epoch from clock.at) * 100000 / g.period_ms)::bigint as tick) now_tick
        cross join lateral (
          select coalesce(array_agg(x.at order by x.at), '{}') as tick_at,
                 coalesce(array_agg(x.n order by x.at), '{}') as tick_n, sum(x.n) as n
            from unnest(g.tick_at, g.tick_n) as x(at, n)
           where r.rate is not null and x.at >= now_tick.tick - 100) t
        cross join lateral (
          select least(r.burst, coalesce(g.tokens, r.burst) + r.rate * greatest(0,
                   extract(epoch from clock.at - coalesce(g.filled_at, clock.at)) * 1000)::float8 / g.period_ms)
                 as tokens) b
        cross join lateral (
          select coalesce(sum(s.n), 0)::integer as taken from perdura.slot s
           where w.concurrency is not null
             and s.tenant_id = g.tenant_id and s.kind = g.kind and s.name = g.name) s
        cross join lateral (
          select count(*)::integer as guests
            from unnest(g.guest_tenants, g.guest_ids, g.guest_leases) as x(t, i, l)
            join perdura.job j on j.tenant_id = x.t and j.id = x.i and j.lease_id = x.l) v) m),
path as materialized ( -- joined by name once: from here on a gate is its number
  select w.*, r.g, r.n as room, r.version is not distinct from w.version as is_seen
    from way w
    left join room r on r.tenant_id = w.tenant_id and r.kind = w.kind and r.name = w.name),
open as materialized (
  select p.k, least(p.n, min(p.room)) as n
    from path p
   group by p.k, p.n
  having bool_and(p.is_seen) and coalesce(min(p.room), 1) > 0
     and ($18::integer is null or count(*) filter (where p.kind = 0) > 0)),
picked as materialized (
  select o.k, c.*, row_number() over () as at from open o cross join lateral (
    select c.* from level v cross join lateral (
      select j.ctid as tid, j.tenant_id, j.id, j.queue, j.state from perdura.job j
       where j.tenant_id = v.t and j.lane = v.lane and j.priority = v.p
         and j.run_at <= now() and (j.run_at, j.id) >= (v.r, v.i)
         and j.state = any($5::smallint[])
         and (j.crashes > 0 and j.crashes >= j.max_crashes - 1) = $8::boolean
         and case when $19::uuid is null then true else j.id = $19::uuid and j.version = $20::integer end
       order by j.run_at, j.id
       limit o.n for update skip locked) c
     where v.k = o.k
     limit o.n) c
  limit $7::integer),
tight as materialized ( -- gates for which more was picked than they have left
  select p.g from path p
    join (select k, count(*) as n from picked group by k) b on b.k = p.k
   where p.room is not null
   group by p.g, p.room having sum(b.n) > p.room),
refused as materialized (
  select distinct s.k, s.tid from (
    select t.k, t.tid, w.room, row_number() over (partition by w.g order by t.turn, t.k) as nth
      from path w join tight on tight.g = w.g
      join (select p.k, p.tid, row_number() over (partition by p.k order by p.at) as turn
              from picked p where exists (select from tight)) t on t.k = w.k) s
   where s.nth > s.room),
passed as materialized (
  select p.k, p.tid, p.tenant_id, p.id, p.queue, p.state from picked p
   where not exists (select from refused r where r.tid = p.tid)),
example as materialized ( -- any of them
  select j.tenant_id, j.lane, j.type, j.queue, j.priority, j.max_attempts, j.crashes, j.max_crashes,
         j.timeout_ms, j.run_at
    from perdura.job j where j.ctid = (select tid from passed limit 1)),
claimed as (
  update perdura.job j
     set state = $6::smallint, version = j.version + 1, attempt = j.attempt + 1,
         lease_id = $1::uuid, started_at = (select clock.at from clock)
   where j.ctid = any(array(select tid from passed))
  returning j.tenant_id, j.id, j.timeout_ms, j.has_data,
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
started as materialized ( -- see claim.sql: one that was changed since the snapshot is picked, and not claimed
  select k, tenant_id, queue, state, count(*)::integer as n from passed
   where (select count(*) from passed) = (select count(*) from claimed)
      or (tenant_id, id) in (select c.tenant_id, c.id from claimed c)
   group by k, tenant_id, queue, state),
charged as materialized (
  select p.g, sum(s.n)::integer as n from started s join path p on p.k = s.k
   where p.room is not null group by p.g),
charge as (
  update perdura.gate g
     set version = g.version + 1,
         tokens = case when r.rate <> r.burst then r.tokens - c.n end,
         filled_at = case when r.rate <> r.burst then r.at end,
         tick_at = case when r.rate is null then '{}'
                        when r.tick_at[cardinality(r.tick_at)] = r.tick then r.tick_at
                        else r.tick_at || r.tick end,
         tick_n = case when r.rate is null then '{}'
                       when r.tick_at[cardinality(r.tick_at)] = r.tick
                       then r.tick_n[1:cardinality(r.tick_n) - 1] || (r.tick_n[cardinality(r.tick_n)] + c.n)
                       else r.tick_n || c.n end,
         guest_tenants = case when r.guests > 0 then g.guest_tenants else '{}' end,
         guest_ids = case when r.guests > 0 then g.guest_ids else '{}' end,
         guest_leases = case when r.guests > 0 then g.guest_leases else '{}' end
    from charged c join room r on r.g = c.g
   where g.tenant_id = r.tenant_id and g.kind = r.kind and g.name = r.name),
slots as materialized (
  select r.tenant_id, r.kind, r.name, c.n, r.at from charged c join room r on r.g = c.g
   where r.concurrency is not null),
taken as (
  insert into perdura.slot (tenant_id, kind, name, lease_id, n, taken_at)
  select tenant_id, kind, name, $1::uuid, n, at from slots),
holds as materialized ( -- slots, or a place, or a limit key: what finish.sql knows nothing of
  select exists (select from slots) or exists (select from level where o or lk is not null) as it),
leased as (
  insert into perdura.lease (
    id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids, holds_slots)
  select $1::uuid, $2::uuid, now(), now() + $3::integer * interval '1 millisecond',
         now() + (max(timeout_ms)::bigint + $4::integer) * interval '1 millisecond',
         count(*), array_agg(tenant_id), array_agg(id), holds.it
    from claimed, holds group by holds.it),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, state, $6::smallint, sum(n) from started group by tenant_id, queue, state),
closed as (
  select p.tenant_id, p.kind, p.name,
         case when not p.is_seen then 'busy' when r.is_open then 'breaker' when r.is_paused then 'paused'
              when r.settles_at is not null then 'settling'
              when r.starts_left <= coalesce(c.n, 0) then 'rate' else 'slots' end as why,
         case when not p.is_seen then null
              when r.is_open then extract(epoch from r.open_until - r.at) * 1000
              when r.is_paused then null
              when r.settles_at is not null then extract(epoch from r.settles_at - r.at) * 1000
              when r.starts_left > coalesce(c.n, 0) or r.starts_left is null then null
              when r.rate <> r.burst then (1 - r.tokens + coalesce(c.n, 0)) * r.period_ms / r.rate
              else (coalesce(r.tick_at[1], r.tick) + 101) * r.period_ms / 100.0
                - extract(epoch from r.at) * 1000 end as ms
    from (select distinct tenant_id, kind, name, g, is_seen from path where tenant_id is not null) p
    left join room r on r.g = p.g left join charged c on c.g = p.g
   where not p.is_seen or r.n <= coalesce(c.n, 0))
select string_agg(c.line, E'\n') as jobs,
       (select concat_ws(E'\x1e', tenant_id, lane, type, queue, priority, max_attempts, crashes, max_crashes,
                         timeout_ms, run_at) from example) as kind,
       null::jsonb as report
  from claimed c
 where not c.has_data
union all
select c.line || E'\x1f' || d.value,
       (select concat_ws(E'\x1e', tenant_id, lane, type, queue, priority, max_attempts, crashes, max_crashes,
                         timeout_ms, run_at) from example), null
  from claimed c
  join perdura.job_data d on d.tenant_id = c.tenant_id and d.id = c.id and d.kind = 0
 where c.has_data
union all
select null, null, jsonb_build_object(
  'closed', (select coalesce(jsonb_agg(jsonb_build_object(
               'tenantId', tenant_id, 'kind', kind, 'name', name, 'why', why, 'ms', ceil(ms))), '[]')
               from closed),
  'cut', (select coalesce(jsonb_agg(distinct k), '[]') from refused),
  'holdsSlots', (select it from holds))
