-- What there is to look for, for all loops of a worker at once. $1 whether there are jobs, $2 whether there is
-- mail, where the worker knows (null: it does not): both are dear behind a snapshot that somebody holds.
-- Locks: nothing.
-- Index: job_claim, job_suspect and mailbox_due, else the first row there is. Of jobs and mail the last one is asked
-- for, not any: at the head of an index are the entries of all that has ended.
select coalesce($1::boolean, (
         select 1 from perdura.job order by tenant_id desc, lane desc, priority desc, run_at desc, id desc limit 1)
         is not null) as jobs,
       exists (select from perdura.job where crashes > 0 and crashes >= max_crashes - 1) as suspects,
       exists (select from perdura.vacancy) as vacancies,
       exists (select from perdura.inbox) as inbox,
       coalesce($2::boolean, (
         select 1 from perdura.mailbox where not parked order by due_at desc limit 1) is not null) as mail,
       exists (select from perdura.schedule)
         or exists (select from perdura.unique_lock where waits_for is not null) as schedules,
       (select n::text from perdura.gate_change) as gate_change,
       extract(epoch from clock_timestamp() - statement_timestamp())::float8 * 1000 as took_ms
