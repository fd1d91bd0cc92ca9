-- The second wall: row-level security on every table of a tenant's things, for three roles. Of Perdura's own
-- tables, which `perdura.own_tables` names: those of a user in this schema are not touched, nor waited for.
-- Locks: each table, shortly and exclusively, once: when it is new to the wall. Index: none.
-- Run by every migrate, after the migrations, so that a table made later is behind it as well, and so
-- that roles made by somebody else are taken up. Gives nothing; `has_wall.sql` tells whether it stands.
-- `perdura_tenant` is what requests of a tenant take on: it sees the tenant in `perdura.tenant`.
-- `perdura_sender` is what stores the jobs of requests, which come together: it sees the tenants in
-- `perdura.tenants`, and nothing but what storing a job needs.
-- `perdura_runner` is what workers and sweepers belong to: its policy is `true`, which the
-- planner drops. FORCE binds the owner of the tables too; nothing binds a superuser but SET ROLE.
do $wall$
declare
  name text;
  behind record;
  owned text;
  given text;
begin
  foreach name in array array['perdura_tenant', 'perdura_sender', 'perdura_runner'] loop
    begin
      if not exists (select from pg_roles where rolname = name) then
        execute format('create role %I nologin', name);
      end if;
    exception when insufficient_privilege or duplicate_object or unique_violation then null;
    end;
    begin
      if not pg_has_role(current_user, name, 'member') then
        execute format('grant %I to current_user', name);
      end if;
    exception when insufficient_privilege or undefined_object then null;
    end;
  end loop;
  if (select count(*) < 2 from pg_roles where rolname in ('perdura_tenant', 'perdura_sender')
         and pg_has_role(current_user, oid, 'member'))
     or not exists (select from pg_roles where rolname = 'perdura_runner'
                       and pg_has_role(current_user, oid, 'usage')) then
    return;
  end if;
  grant usage on schema perdura to perdura_tenant, perdura_sender, perdura_runner;
  grant usage on all sequences in schema perdura to perdura_tenant;
  grant select on perdura.state_name, perdura.event_name, perdura.any_job to perdura_tenant;
  grant select, update on perdura.gate_change to perdura_tenant;
  for behind in
    select c.oid, c.relname, c.relrowsecurity,
           bool_or(a.attname = 'tenant_id') as by_tenant, bool_or(a.attname = 'tenants') as by_tenants
      from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
     where c.relnamespace = 'perdura'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and c.relname = any (string_to_array(current_setting('perdura.own_tables'), ','))
     group by c.oid
    having bool_or(a.attname in ('tenant_id', 'tenants')) or c.relname = 'tenant'
     order by c.relname
  loop
    continue when behind.relrowsecurity;
    owned := case
      when behind.relname = 'tenant' then 'id = current_setting(''perdura.tenant'', true)'
      -- Those who see a batch see its slots: the last of it to end takes all there are.
      when behind.relname = 'slot' then 'exists (select from perdura.lease le where le.id = lease_id)'
      when behind.by_tenant then 'tenant_id = current_setting(''perdura.tenant'', true)'
      -- A batch may be of several tenants: each of them sees it.
      else 'current_setting(''perdura.tenant'', true) = any (tenants)' end;
    -- A batch of several tenants holds slots of theirs too: those are seen, but not written.
    given := case when behind.relname = 'slot'
      then 'tenant_id in (''*'', current_setting(''perdura.tenant'', true)) and ' || owned else owned end;
    execute format('alter table perdura.%I enable row level security', behind.relname);
    execute format('alter table perdura.%I force row level security', behind.relname);
    execute format('create policy runner on perdura.%I to perdura_runner using (true) with check (true)',
                   behind.relname);
    execute format('create policy tenant on perdura.%I to perdura_tenant using (%s) with check (%s)',
                   behind.relname, owned, given);
    execute format('grant select, insert%s on perdura.%I to perdura_tenant',
                   case when behind.relname = 'audit' then '' else ', update, delete' end, behind.relname);
  end loop;
  -- What holds for all tenants together, each may read.
  foreach name in array array['gate', 'breaker', 'breaker_step', 'retention'] loop
    continue when exists (select from pg_policy p where p.polname = 'everybody'
                             and p.polrelid = to_regclass('perdura.' || name));
    execute format('create policy everybody on perdura.%I for select to perdura_tenant using (tenant_id = ''*'')',
                   name);
  end loop;
  -- The last one is the home of what failed for good, which is called as the state is.
  for behind in
    select c.oid::regclass as relation, r.rights, case when c.relname = 'tenant' then 'id' else 'tenant_id' end as owner
      from (values
        ('tenant', 'insert'), ('job', 'select, insert'), ('job_data', 'insert'), ('transition', 'insert'),
        ('counter_delta', 'insert'), ('unique_key', 'select, insert, update'), ('inbox', 'select, delete'),
        ('ordering_key', 'select, insert, update'), ('place', 'select, insert'), ('vacancy', 'insert'),
        ('job_archive', 'select'), ('%_letter', 'select')) as r(name, rights)
      join unnest(string_to_array(current_setting('perdura.own_tables'), ',')) as own(name) on own.name like r.name
      join pg_class c on c.oid = to_regclass('perdura.' || own.name)
     where not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'sender')
     order by c.relname
  loop
    -- The setting is read once per statement, not once per row, and so is the list in it: the cast outside casts
    -- nothing, and is there because `any ((select …))` would be a comparison with rows.
    owned := format('%I = any ((select nullif(current_setting(''perdura.tenants'', true), '''')::text[])::text[])',
                    behind.owner);
    execute format('create policy sender on %s to perdura_sender using (%s) with check (%s)',
                   behind.relation, owned, owned);
    execute format('grant %s on %s to perdura_sender', behind.rights, behind.relation);
  end loop;
  grant usage on sequence perdura.ordering_batch to perdura_sender;
end $wall$
