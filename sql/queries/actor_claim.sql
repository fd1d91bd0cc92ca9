-- Actors with mail that is due, and their mail, for one batch of turns. $1 turn id, $2 worker, $3 how
-- long they are spared (ms), $4 machines of roots (array literal), $5 actors at most, $6 mail per
-- actor at most, $7 mail to look at, $8 charts and machines that are here, as workers tell theirs (array literal), $9 mail
-- that was due before is passed over (seconds since 1970; null: none).
-- Locks: only the new row of `turn`. A hint, no lock: an actor that two have read is stepped by one,
-- for the commit is guarded by its version. So this commit does not wait for the disk.
-- Index: mailbox_due from $9 on: at its head are the entries of all that was read since the oldest snapshot that
-- somebody holds. Primary keys of actor and mailbox; actor_system. Of workers there are few.
-- One whose chart is not here is left to a worker that is alive and has it; if there is none it is taken, and blocked.
-- A child without a chart of its own, or not begun, goes by the version of its root. Who is not begun is not taken over.
-- Returns rows with the number of mails looked at, the oldest of them, and what that look took: when that is $7, one busy actor may hide others. Mail
-- for nobody comes without an actor (column v is null), and last: it is kept while a start waits in the inbox,
-- and would be in the way of all that is younger.
with unhurried as materialized (select set_config('synchronous_commit', 'off', true)),
due as materialized (
  select m.tenant_id, m.actor_id, min(m.due_at) as at, count(*) as n
    from unhurried, lateral (
      select tenant_id, actor_id, due_at from perdura.mailbox
       where not parked and due_at <= now()
         and due_at >= coalesce(to_timestamp($9::float8), '-infinity') order by due_at limit $7) m
   group by m.tenant_id, m.actor_id),
tally as materialized (
  select coalesce(sum(n), 0)::integer as looked,
         extract(epoch from coalesce(min(at), now()))::float8 as oldest,
         extract(epoch from clock_timestamp() - statement_timestamp())::float8 * 1000 as took_ms
    from due),
busy as materialized (
  select b.t, b.i from perdura.turn l cross join lateral unnest(l.tenants, l.ids) as b(t, i)
   where l.until > now()),
picked as materialized (
  select d.tenant_id, d.actor_id, d.at, a.id is not null as is_there
    from tally, due d left join perdura.actor a on a.tenant_id = d.tenant_id and a.id = d.actor_id
   cross join lateral (
     select array[case when a.machine_hash = '' then a.root_machine || '@' || a.machine_version
                       else a.machine || '@' || a.machine_version || ':' || a.machine_hash end,
                  case when a.snapshot is not null then a.machine || '@' || a.machine_version || ':*' end,
                  case when a.snapshot is not null then a.machine || '@*' end] as names) chart
   where (a.id is null or a.root_machine = any($4::text[]))
     and (a.id is null or chart.names && $8::text[] or not exists (
       select from perdura.worker w
        where (w.charts || w.machines) && chart.names and w.beat_at > now() - 3 * w.every_ms * interval '1 millisecond'))
     and not exists (select from busy where busy.t = d.tenant_id and busy.i = d.actor_id)
   order by a.id is null, d.at limit $5),
spared as (
  insert into perdura.turn (id, worker, until, tenants, ids)
  select $1::uuid, $2::uuid, now() + $3::integer * interval '1 millisecond',
         array_agg(tenant_id), array_agg(actor_id)
    from picked where is_there having count(*) > 0)
select tally.looked, tally.oldest, tally.took_ms, p.tenant_id as t, p.actor_id as i,
       a.uid, a.root_id, a.parent_id, a.machine, a.root_machine, a.machine_version, a.machine_hash,
       a.status, a.version as v, a.state, a.snapshot::text as snapshot,
       a.updated_at < date_trunc('day', now()) as is_new_day,
       (select json_object_agg(s.system_id, s.id)::text from perdura.actor s
         where s.tenant_id = a.tenant_id and s.root_id = a.root_id and s.system_id is not null)
         as registry,
       (select json_agg(json_build_array(m.id, m.kind, m.deferred, m.gen, m.sender, m.body)
                        order by m.due_at, m.id)::text
          from (select id, kind, deferred, gen, sender, body, due_at from perdura.mailbox m
                 where m.tenant_id = p.tenant_id and m.actor_id = p.actor_id
                   and (m.deferred or not m.parked or m.kind = 'start')
                   and m.due_at <= now()
                 order by m.due_at, m.id limit $6) m) as mail
  from tally left join picked p on true
  left join perdura.actor a on a.tenant_id = p.tenant_id and a.id = p.actor_id
 order by p.at
