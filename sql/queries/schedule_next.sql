-- Milliseconds until a schedule comes due (0: one is, or a run's actor has yet to be started; null: none
-- will), and whether a run, or a unique job,
-- waits for another's end. $1 types, $2 machines that are known here (array literals).
-- Locks: nothing. Index: schedule_due, from its beginning; the small partial ones.
select case
  when exists (select from perdura.schedule_run r
                 join perdura.schedule s on s.tenant_id = r.tenant_id and s.id = r.schedule_id
                where r.is_unstarted and s.machine = any($2::text[]))
  then 0
  else (select greatest(0, ceil(extract(epoch from s.due_at - now()) * 1000))
          from perdura.schedule s
         where s.due_at is not null and (s.type = any($1::text[]) or s.machine = any($2::text[]))
         order by s.due_at limit 1) end::float8 as ms,
  exists (select from perdura.schedule s where s.buffered_for is not null and s.paused_at is null
             and (s.type = any($1::text[]) or s.machine = any($2::text[])))
    or exists (select from perdura.unique_lock u where u.waits_for is not null) as waits
