-- Sessions that migrate, what they wait for, and who holds it. No parameters.
-- Locks: nothing. Index: none.
-- Asked by a start that has waited for long. One that waits for no lock has one row, of the holder 0.
select w.pid, coalesce(w.wait_event_type || ':' || w.wait_event, '') as waits_for,
       coalesce(h.pid, 0) as holder, coalesce(h.application_name, '') as name, coalesce(h.state, '') as state,
       coalesce(extract(epoch from clock_timestamp() - h.xact_start) * 1000, 0)::float8 as since_ms
  from pg_stat_activity w
  left join lateral unnest(pg_blocking_pids(w.pid)) as b(pid) on true
  left join pg_stat_activity h on h.pid = b.pid
 where w.application_name = 'perdura migrate' and w.datname = current_database()
 order by w.pid, h.pid
