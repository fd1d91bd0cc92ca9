-- Actors of one status that wait for code which is here, in their order. $1 status; array literals: $2 machine
-- of the root, $3 version (null: any); $4 how many; $5 tenant and $6 id to begin after.
-- Locks: nothing. Index: none: the blocked are few, found through a scan of the status.
select a.tenant_id as t, a.id as i from perdura.actor a
  join unnest($2::text[], $3::text[]) as n(machine, version)
    on a.root_machine = n.machine and a.machine_version = coalesce(n.version, a.machine_version)
 where a.status = $1::text and (a.tenant_id, a.id) > ($5::text, $6::text)
 order by a.tenant_id, a.id limit $4
