-- Take every table of Perdura's for a migration, before it touches the first. `perdura.own_tables` names them.
-- Locks: those that are there, ACCESS EXCLUSIVE, by name. Index: none.
-- Those who work hold locks in other orders, and one of two that wait for each other is ended. They send
-- their statement again; a migration would be all to do anew, so where it may it lets the others find out.
do $lock$
declare t text;
begin
  begin
    perform set_config('deadlock_timeout', '10min', true);
  exception when insufficient_privilege then null;
  end;
  for t in
    select c.relname from pg_class c
     where c.relnamespace = 'perdura'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
       and c.relname = any (string_to_array(current_setting('perdura.own_tables'), ','))
     order by c.relname
  loop
    execute format('lock table perdura.%I in access exclusive mode', t);
  end loop;
end $lock$
