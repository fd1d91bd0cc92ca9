-- Milliseconds until mail comes due for machines ($1, of roots, array literal), unless their actors are left to others
-- ($3 charts and machines that are here, array literal; actor_claim.sql); null: none waits. $4 as $9 there.
-- Locks: nothing.
-- Index: mailbox_due from $4 on; rows of other machines are passed over, $2 at most.
select case when min(m.due_at) is not null
            then greatest(0, ceil(extract(epoch from min(m.due_at) - now()) * 1000)) end::float8 as ms
  from (select tenant_id, actor_id, due_at from perdura.mailbox
         where not parked and due_at >= coalesce(to_timestamp($4::float8), '-infinity')
         order by due_at limit $2) m
  join perdura.actor a on a.tenant_id = m.tenant_id and a.id = m.actor_id
 cross join lateral (
   select array[case when a.machine_hash = '' then a.root_machine || '@' || a.machine_version
                     else a.machine || '@' || a.machine_version || ':' || a.machine_hash end,
                case when a.snapshot is not null then a.machine || '@' || a.machine_version || ':*' end,
                case when a.snapshot is not null then a.machine || '@*' end] as names) chart
 where a.root_machine = any($1::text[])
   and (chart.names && $3::text[] or not exists (
     select from perdura.worker w
      where (w.charts || w.machines) && chart.names and w.beat_at > now() - 3 * w.every_ms * interval '1 millisecond'))
