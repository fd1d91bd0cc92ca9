-- Actors of one status that wait for code which is here. $1 status; array literals: $2 machine of the
-- root, $3 version (null: any); $4 how many.
-- Locks: nothing. Index: none: the blocked are few, found through a scan of the status.
select a.tenant_id as t, a.id as i from perdura.actor a
  join unnest($2::text[], $3::text[]) as n(machine, version)
    on a.root_machine = n.machine and a.machine_version = coalesce(n.version, a.machine_version)
 where a.status = $1::text limit $4
