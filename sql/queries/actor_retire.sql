-- The next roots in the order of their names: of those that have ended longer ago than they are to be kept,
-- the actors, their children, their past and all that was addressed to them go. $1, $2 after this tenant and
-- id, $3 how many actors to look at, $4 statuses of those that have ended (array), $5 the code under which
-- the policies of actors stand, $6 the machine that is left alone.
-- Locks: the rows that go. A root that is touched meanwhile has another version, and stays.
-- Index: primary keys of actor, mailbox, mail_key, member_failure; actor_parent, activity_actor,
-- actor_step_actor.
-- The policy of an actor is the most special one that there is: of its tenant before that of all, of its
-- machine before that of all. What still has a child or work under way is kept until that has ended.
-- Returns one row: how many roots went, how many actors were looked at, and where the look has ended.
with recursive looked as materialized (
  select tenant_id, id, parent_id, root_machine, status, version, updated_at from perdura.actor
   where (tenant_id, id) > ($1::text, $2::text)
   order by tenant_id, id limit $3::integer),
old as materialized (
  select l.tenant_id, l.id, l.version
    from looked l cross join lateral (
      select max_age_ms from perdura.retention r
       where r.tenant_id in (l.tenant_id, '*') and r.type in (l.root_machine, '*') and r.state = $5::smallint
       order by r.tenant_id = '*', r.type = '*' limit 1) r
   where l.parent_id is null and l.status = any($4::text[]) and l.root_machine <> $6::text
     and l.updated_at < now() - r.max_age_ms * interval '1 millisecond'),
tree as (
  select tenant_id, id as root, id, version, false as is_living from old
  union all
  select t.tenant_id, t.root, c.id, c.version, c.status <> all($4::text[])
    from tree t join perdura.actor c on c.tenant_id = t.tenant_id and c.parent_id = t.id),
kept as (
  select tenant_id, root from tree
   where is_living
      or exists (select from perdura.activity y
                  where y.tenant_id = tree.tenant_id and y.actor_id = tree.id)),
doomed as materialized (
  select t.tenant_id, t.root, t.id, t.version from tree t
   where not exists (select from kept k where k.tenant_id = t.tenant_id and k.root = t.root)),
gone as (
  delete from perdura.actor a using doomed d
   where a.tenant_id = d.tenant_id and a.id = d.id and a.version = d.version
  returning a.tenant_id, a.id, a.parent_id),
steps as (
  delete from perdura.actor_step s using gone g
   where s.tenant_id = g.tenant_id and s.actor_id = g.id),
keys as (
  delete from perdura.mail_key k using gone g
   where k.tenant_id = g.tenant_id and k.actor_id = g.id),
failures as (
  delete from perdura.member_failure f using gone g
   where f.tenant_id = g.tenant_id and f.actor_id = g.id),
mail as (
  delete from perdura.mailbox m using gone g
   where m.tenant_id = g.tenant_id and m.actor_id = g.id)
select (select count(*) from gone where parent_id is null)::integer as removed,
       (select count(*) from looked)::integer as looked,
       (select tenant_id from looked order by tenant_id desc, id desc limit 1) as t,
       (select id from looked order by tenant_id desc, id desc limit 1) as i
