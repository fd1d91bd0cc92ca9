-- End sessions of this pool, and tell which of them were still there: asked again, none. $1 process ids.
-- Locks: nothing; waits up to a second for each. Index: none, `pg_stat_activity` is no table.
-- By name as well: a server that has started again gives its numbers anew.
select s.pid, pg_terminate_backend(s.pid, 1000)
  from pg_stat_activity s
 where s.pid = any($1::integer[])
   and s.datname = current_database() and s.usename = session_user
   and s.application_name = current_setting('application_name')
   and s.pid <> pg_backend_pid()
