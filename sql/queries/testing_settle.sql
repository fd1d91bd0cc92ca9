-- The test kit's limits: those that were just set take hold at once, for its process is the only one there is. No
-- parameters. Gives how many had not.
-- Locks: the rows it changes. Index: none is looked for; a test's database is small.
with settled as (
  update perdura.gate set settles_at = now() where settles_at > now() returning tenant_id)
select count(*)::integer as n from settled
