-- The policy of perdura_sender reads the list of its tenants once per statement: it was cast for each row
-- (sql/queries/wall.sql makes it as here where it is new).
-- Locks: the tables that have it, shortly. The release before this one goes on beside it.
do $$
declare
  behind record;
  owned text;
begin
  for behind in
    select c.oid::regclass as relation, case when c.relname = 'tenant' then 'id' else 'tenant_id' end as owner
      from pg_policy p join pg_class c on c.oid = p.polrelid
     where p.polname = 'sender' and c.relnamespace = 'perdura'::regnamespace
       and c.relname = any (string_to_array(current_setting('perdura.own_tables'), ','))
     order by c.relname
  loop
    owned := format('%I = any ((select nullif(current_setting(''perdura.tenants'', true), '''')::text[])::text[])',
                    behind.owner);
    execute format('alter policy sender on %s using (%s) with check (%s)', behind.relation, owned, owned);
  end loop;
end $$;
