-- Commit the turns of any mix of actors. $1 turn id or null, $2 worker; then array literals, one
-- element per actor, sorted by name: $3 tenant, $4 id, $5 version read (null: it is born here),
-- $6 version after, $7 status, $8 state, $9 tags, $10 fault, $11 snapshot, $12 machine version,
-- $13 machine hash, $14 offer its parked mail again, $16 machine (null: as before); for births also
-- $15 uid, $17 root's machine, $18 input, $19 origin. What follows names its actor by number, from 1.
-- Steps: $20 actor, $21 version, $22 event, $23 from, $24 to, $25 status, $26 tags, $27 outcome,
-- $28 reason, $29 cause, $30 mail, $31 body, $32 effects, $33 patch, $34 snapshot.
-- Mail read: $35 actor, $36 id. Timers to forget: $37 actor, $38 timer (null: those for others, not due).
-- Mail sent: $39 actor, $40 receiver, $41 id, $42 ms from now, $43 kind, $44 generation, $45 timer,
-- $46 body, $47 deferred.
-- Children: $48 actor, $49 id, $50 uid, $51 system id, $52 machine.
-- Jobs: $53 actor, $54 id, $55 lane, $56 queue, $57 type, $58 max attempts, $59 max crashes,
-- $60 timeout ms, $61 payload, $62 payload above 1 KB, $63 backoff, $64 metadata; $65 initial state.
-- Activities: $66 actor, $67 job, $68 child, $69 gen, $70 source, $71 parks.
-- Activities left: $72 actor, $73 child, $74 gen. Keys: $75 actor, $76 key, $77 mail (null: it is free again).
-- Mail put off: $78 actor, $79 id. One per actor: $80 its name in the system ('': none, null: as before),
-- $86 its first step holds a whole snapshot. One per job: $88 partition; $81 it starts at once, in this process: under
-- lease $82 for $83 ms, with $84 ms of grace, in state $85; when $87, the change of the gates that the
-- caller knows (null: any), is not the last one, none of them starts: a limit may hold by now.
-- Snapshots, payloads and what steps hold as JSON ($11, $31 to $34, $61, $62): a text, a line per element.
-- Locks: the actors' rows through their primary keys, keys of events in the order of their names, then their own mail.
-- Index: primary keys; mailbox_timer, activity_actor.
-- Each actor is guarded by its version: one that moved on meanwhile keeps its mail, and nothing of its
-- turn is written. Returns the numbers of those that were committed, the time, and
-- whether jobs have started.
with heard as materialized (
  select $87::bigint is null
         or exists (select from perdura.gate_change where n = $87::bigint) as is_last),
x as materialized (
  select x.* from unnest(
    $3::text[], $4::text[], $5::integer[], $6::integer[], $7::text[], $8::text[], $9::text[],
    $10::json[], string_to_array($11::text, e'\n', '')::json[], $12::text[], $13::text[],
    $14::boolean[], $15::uuid[], $16::text[], $17::text[], $18::json[], $19::json[], $80::text[], $86::boolean[])
    with ordinality as x(t, i, v, nv, status, place, tags, fault, snapshot, mv, mh, again, uid,
                         machine, root_machine, input, origin, sys, whole, k)),
born as (
  insert into perdura.actor (
    tenant_id, id, uid, root_id, machine, root_machine, machine_version, machine_hash, status, state,
    tags, version, fault, input, origin, snapshot)
  select t, i, uid, i, machine, root_machine, mv, mh, status, place, tags::text[], nv, fault, input,
         origin, snapshot
    from x where v is null
  on conflict (tenant_id, id) do nothing
  returning tenant_id, id),
locked as materialized ( -- where there is a key, which is taken only together with its turn; all, in one order
  select x.k from x join perdura.actor a on a.tenant_id = x.t and a.id = x.i
   where exists (select from unnest($75::integer[]))
     and a.version = x.v and (x.whole or a.updated_at >= date_trunc('day', now()))
   order by x.k for update of a),
keyed as materialized (
  select l.k, r.mail from unnest($75::integer[], $77::uuid[]) as r(k, mail) join locked l on l.k = r.k
   where r.mail is not null),
keys as (
  insert into perdura.mail_key (tenant_id, actor_id, key, mail_id)
  select x.t, x.i, r.key, r.mail
    from unnest($75::integer[], $76::text[], $77::uuid[]) as r(k, key, mail) join x on x.k = r.k
   where r.mail is not null
     and (exists (select from keyed where keyed.k = x.k)
          or exists (select from born where born.tenant_id = x.t and born.id = x.i))
   order by x.t, x.i, r.key
  on conflict (tenant_id, actor_id, key) do nothing
  returning mail_id),
known as materialized ( -- the key has come with other mail meanwhile: its turn would read the event twice.
  -- It is for this that keys are taken first: a row that has been written here is no longer locked above.
  select k from keyed where not exists (select from keys where keys.mail_id = keyed.mail)),
moved as ( -- patches need a whole snapshot before them in their partition
  update perdura.actor a
     set version = x.nv, status = x.status, state = x.place, tags = x.tags::text[], fault = x.fault,
         snapshot = x.snapshot, machine_version = x.mv, machine_hash = x.mh, updated_at = now(),
         machine = coalesce(x.machine, a.machine),
         system_id = case when x.sys is null then a.system_id else nullif(x.sys, '') end
    from x
   where a.tenant_id = x.t and a.id = x.i and a.version = x.v
     and (x.whole or a.updated_at >= date_trunc('day', now()))
     and not exists (select from known where known.k = x.k)
  returning a.tenant_id, a.id),
done as materialized (
  select x.k, x.t, x.i, x.mv, x.again, a.tenant_id is not null as is_old
    from x left join moved a on a.tenant_id = x.t and a.id = x.i
    left join born b on b.tenant_id = x.t and b.id = x.i
   where a.tenant_id is not null or b.tenant_id is not null),
parents as materialized ( -- as they were: of one that is born here, as it will be
  select d.k, d.t, d.i, coalesce(a.uid, x.uid) as uid, coalesce(a.root_id, x.i) as root_id,
         coalesce(a.root_machine, x.root_machine) as root_machine, x.mv
    from done d join x on x.k = d.k
    left join perdura.actor a on a.tenant_id = d.t and a.id = d.i),
steps as (
  insert into perdura.actor_step (
    tenant_id, actor_id, version, event, from_state, to_state, status, tags, outcome, reason, cause,
    worker, mail_id, machine_version, body, effects, patch, snapshot)
  select d.t, d.i, r.v, r.e, r.f, r.s, r.status, r.tags::text[], r.o, r.reason, r.cause, $2::uuid,
         r.mail, d.mv, r.body, r.effects, r.patch, r.snapshot
    from unnest(
      $20::integer[], $21::integer[], $22::text[], $23::text[], $24::text[], $25::text[], $26::text[],
      $27::text[], $28::text[], $29::text[], $30::uuid[],
      string_to_array($31::text, e'\n', '')::json[], string_to_array($32::text, e'\n', '')::json[],
      string_to_array($33::text, e'\n', '')::json[], string_to_array($34::text, e'\n', '')::json[])
      as r(k, v, e, f, s, status, tags, o, reason, cause, mail, body, effects, patch, snapshot)
    join done d on d.k = r.k),
consumed as (
  delete from perdura.mailbox m
   using unnest($35::integer[], $36::uuid[]) as r(k, id) join done d on d.k = r.k
   where m.tenant_id = d.t and m.actor_id = d.i and m.id = r.id),
forgotten as (
  delete from perdura.mailbox m
   using unnest($37::integer[], $38::text[]) as r(k, timer) join done d on d.k = r.k
   where m.tenant_id = d.t and m.sender = d.i and m.timer_id = r.timer),
silenced as (
  delete from perdura.mailbox m
   using unnest($37::integer[], $38::text[]) as r(k, timer) join done d on d.k = r.k
   where r.timer is null and m.tenant_id = d.t and m.sender = d.i and m.timer_id is not null
     and m.actor_id <> d.i and m.due_at > now()),
sent as (
  insert into perdura.mailbox (
    tenant_id, actor_id, id, due_at, kind, gen, sender, timer_id, body, parked, deferred)
  select d.t, r.receiver, r.id, now() + r.ms * interval '1 millisecond', r.kind, r.gen, d.i, r.timer,
         r.body, r.late, r.late
    from unnest(
      $39::integer[], $40::text[], $41::uuid[], $42::float8[], $43::text[], $44::integer[],
      $45::text[], $46::json[], $47::boolean[])
      as r(k, receiver, id, ms, kind, gen, timer, body, late)
    join done d on d.k = r.k),
children as (
  insert into perdura.actor (
    tenant_id, id, uid, root_id, parent_id, system_id, machine, root_machine, machine_version,
    machine_hash, status, state, tags, version)
  select p.t, r.id, r.uid, p.root_id, p.i, r.system, r.machine, p.root_machine, p.mv, '', 'active',
         '', '{}', 0
    from unnest($48::integer[], $49::text[], $50::uuid[], $51::text[], $52::text[])
      as r(k, id, uid, system, machine)
    join parents p on p.k = r.k
  on conflict (tenant_id, id) do nothing),
work as materialized (
  select p.t, p.uid, r.*, r.wanted and h.is_last as taken from unnest(
      $53::integer[], $54::uuid[], $55::bigint[], $56::text[], $57::text[], $58::smallint[],
      $59::smallint[], $60::integer[], string_to_array($61::text, e'\n', '')::json[],
      string_to_array($62::text, e'\n', '')::json[], $63::jsonb[], $64::jsonb[],
      $81::boolean[], $88::text[])
      as r(k, id, lane, q, type, ma, mc, ms, payload, big, back, meta, wanted, part)
    join parents p on p.k = r.k
    cross join heard h),
jobs as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, timeout_ms, version, state, priority, max_attempts, max_crashes,
    has_data, queue, type, payload, partition_key, backoff, metadata, parent_id, attempt, started_at,
    lease_id)
  select t, id, lane, now(), ms, case when taken then 2 else 1 end,
         case when taken then $85::smallint else $65::smallint end, 0, ma, mc, big is not null, q, type,
         payload, part, back, meta, uid, case when taken then 1 else 0 end, case when taken then now() end,
         case when taken then $82::uuid end
    from work),
leased as (
  insert into perdura.lease (id, worker, claimed_at, expires_at, hard_until, n_left, tenants, ids)
  select $82::uuid, $2::uuid, now(), now() + $83::integer * interval '1 millisecond',
         now() + (max(ms)::bigint + $84::integer) * interval '1 millisecond',
         count(*), array_agg(t), array_agg(id)
    from work where taken having count(*) > 0),
data as (
  insert into perdura.job_data (tenant_id, id, kind, value)
  select t, id, 0, big from work where big is not null),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, to_state, n)
  select t, q, case when taken then $85::smallint else $65::smallint end, count(*)
    from work group by t, q, taken),
begun as (
  insert into perdura.activity (tenant_id, job_id, actor_id, child_id, gen, src, parks)
  select d.t, r.job, d.i, r.child, r.gen, r.src, r.parks
    from unnest($66::integer[], $67::uuid[], $68::text[], $69::integer[], $70::text[], $71::boolean[])
      as r(k, job, child, gen, src, parks)
    join done d on d.k = r.k),
left_behind as (
  update perdura.activity a set stopped_at = now()
    from unnest($72::integer[], $73::text[], $74::integer[]) as r(k, child, gen)
    join done d on d.k = r.k
   where a.tenant_id = d.t and a.actor_id = d.i and a.child_id = r.child and a.gen = r.gen
     and a.stopped_at is null and not a.is_member),
members_left as ( -- many, and in no order: one that a statement is about to end is left to it
  update perdura.activity a set stopped_at = now()
    from (select a.tenant_id, a.job_id
            from unnest($72::integer[], $73::text[], $74::integer[]) as r(k, child, gen)
            join done d on d.k = r.k
            join perdura.activity a
              on a.tenant_id = d.t and a.actor_id = d.i and a.child_id = r.child and a.gen = r.gen
           where a.stopped_at is null and a.is_member
             for update of a skip locked) m
   where a.tenant_id = m.tenant_id and a.job_id = m.job_id),
unkeyed as ( -- an event that was refused may be sent again
  delete from perdura.mail_key y
   using unnest($75::integer[], $76::text[], $77::uuid[]) as r(k, key, mail) join done d on d.k = r.k
   where r.mail is null and y.tenant_id = d.t and y.actor_id = d.i and y.key = r.key),
put_off as (
  update perdura.mailbox m set parked = true, deferred = true
    from unnest($78::integer[], $79::uuid[]) as r(k, id) join done d on d.k = r.k
   where m.tenant_id = d.t and m.actor_id = d.i and m.id = r.id),
offered as ( -- whatever its mark is: somebody may be setting it at this moment; not what goes away here
  update perdura.mailbox m
     set parked = false, deferred = false,
         -- That it asks for a version was looked at before its actor stalled on it. The fault is read as text:
         -- of JSON that holds NUL or half of a pair PostgreSQL gives no field; nor does it of such a mail of an actor.
         body = case when m.sender is null and strpos(a.fault::text, '"mailId":"' || m.id || '"') > 0
                     then case when m.body -> 'expect' is not null
                               then json_build_object('event', m.body -> 'event') else m.body end
                     else m.body end
    from done d left join perdura.actor a on a.tenant_id = d.t and a.id = d.i
   where d.again and m.tenant_id = d.t and m.actor_id = d.i
     and not exists (select from unnest($35::integer[], $36::uuid[]) as r(k, id)
                      where r.k = d.k and r.id = m.id)
     and not exists (select from unnest($37::integer[], $38::text[]) as r(k, timer) join done s on s.k = r.k
                      where m.tenant_id = s.t and m.sender = s.i
                        and (r.timer = m.timer_id or r.timer is null and m.timer_id is not null
                             and m.actor_id <> s.i and m.due_at > now()))),
spared as (delete from perdura.turn where id = $1::uuid)
select k::integer as k, now() as c, now()::text as r, h.is_last as starts from done cross join heard h
