-- End sessions of this pool, and tell which of them are still there, beside the one that asks. $1 process
-- ids, $2 milliseconds to wait for each, 0: they are told, and not waited for.
-- Locks: nothing. Index: none, `pg_stat_activity` is no table.
-- By name as well: a server that has started again gives its numbers anew, to strangers too.
select s.pid, s.pid = pg_backend_pid() as is_own,
       case when s.pid <> pg_backend_pid() then pg_terminate_backend(s.pid, $2::bigint) end as is_told
  from pg_stat_activity s
 where s.pid = any($1::integer[] || pg_backend_pid())
   and s.datname = current_database() and s.usename = session_user
   and s.application_name = current_setting('application_name')
