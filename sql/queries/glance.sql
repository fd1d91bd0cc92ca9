-- What there is to look for, for all loops of a worker at once. No parameters.
-- Locks: nothing.
-- Index: job_suspect and mailbox_due; else the first row there is.
select exists (select from perdura.job) as jobs,
       exists (select from perdura.job where crashes > 0 and crashes >= max_crashes - 1) as suspects,
       exists (select from perdura.vacancy) as vacancies,
       exists (select from perdura.inbox) as inbox,
       exists (select from perdura.mailbox where not parked) as mail,
       exists (select from perdura.schedule)
         or exists (select from perdura.unique_lock where waits_for is not null) as schedules,
       (select n::text from perdura.gate_change) as gate_change
