-- Operations, newest first, or one of them. $1 tenant (null: all, those over many tenants too), $2 id
-- (null: all), $3 before this id (null: from the newest), $4 how many.
-- Locks: nothing. Index: primary keys of operation and actor.
select o.tenant_id as t, o.id as i, o.is_wide, o.action, o.filter, o.rate, o.run_at, o.cause,
       o.requested_by, o.created_at, o.matched, o.parts, o.done, o.skipped, a.status, a.state, a.fault,
       a.updated_at
  from perdura.operation o
  left join perdura.actor a on a.tenant_id = o.tenant_id and a.id = o.id::text
 where ($1::text is null or (o.tenant_id = $1::text and not o.is_wide))
   and ($2::uuid is null or o.id = $2::uuid) and ($3::uuid is null or o.id < $3::uuid)
 order by o.id desc limit $4::integer
