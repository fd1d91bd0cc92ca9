-- The next operations in the order of their names: those that have ended longer ago than they are to be kept
-- go with their parts, their actor and its past. $1, $2 after this tenant and id, $3 how many operations to
-- look at, $4 statuses of actors that have ended (array), $5 the code under which the policies of operations
-- stand.
-- Locks: the rows that go. One whose actor is touched meanwhile has another version, and stays.
-- Index: primary keys of operation, actor, operation_part, mailbox, mail_key; actor_step_actor.
-- The policy of an operation is the most special one that there is: of its tenant before that of all, of its
-- action before that of all.
-- Returns one row: how many went, how many were looked at, and where the look has ended.
with looked as materialized (
  select tenant_id, id, action from perdura.operation
   where (tenant_id, id) > ($1::text, $2::uuid)
   order by tenant_id, id limit $3::integer),
old as materialized (
  select l.tenant_id, l.id, a.id as actor, a.version
    from looked l
    join perdura.actor a on a.tenant_id = l.tenant_id and a.id = l.id::text
    cross join lateral (
      select max_age_ms from perdura.retention r
       where r.tenant_id in (l.tenant_id, '*') and r.type in (l.action, '*') and r.state = $5::smallint
       order by r.tenant_id = '*', r.type = '*' limit 1) r
   where a.status = any($4::text[])
     and a.updated_at < now() - r.max_age_ms * interval '1 millisecond'),
gone as (
  delete from perdura.actor a using old o
   where a.tenant_id = o.tenant_id and a.id = o.actor and a.version = o.version
  returning a.tenant_id, a.id as actor, o.id),
operations as (
  delete from perdura.operation p using gone g where p.tenant_id = g.tenant_id and p.id = g.id),
parts as (
  delete from perdura.operation_part p using gone g
   where p.tenant_id = g.tenant_id and p.operation_id = g.id),
steps as (
  delete from perdura.actor_step s using gone g
   where s.tenant_id = g.tenant_id and s.actor_id = g.actor),
keys as (
  delete from perdura.mail_key k using gone g
   where k.tenant_id = g.tenant_id and k.actor_id = g.actor),
mail as (
  delete from perdura.mailbox m using gone g
   where m.tenant_id = g.tenant_id and m.actor_id = g.actor)
select (select count(*) from gone)::integer as removed,
       (select count(*) from looked)::integer as looked,
       (select tenant_id from looked order by tenant_id desc, id desc limit 1) as t,
       (select id from looked order by tenant_id desc, id desc limit 1) as i
