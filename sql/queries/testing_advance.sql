-- The test kit's clock: brings everything that waits for a time nearer by $1 ms. $2: a process has
-- crashed, and its leases and turns are over as well.
-- Locks: the rows it changes. Index: none is looked for; a test's database is small.
with mail as (
  update perdura.mailbox set due_at = due_at - $1::float8 * interval '1 millisecond'
   where due_at > now()),
jobs as (
  update perdura.job set run_at = run_at - $1::float8 * interval '1 millisecond'
   where run_at > now()),
leases as (
  update perdura.lease set expires_at = now() - interval '1 second' where $2::boolean),
turns as (delete from perdura.turn where $2::boolean)
select 1 as done
