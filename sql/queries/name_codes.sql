-- Write down the names of the stored codes. $1 state names, $2 event names, in the order of their codes.
-- Locks: the changed rows, in code order.
-- Index: primary keys of state_name and event_name.
with states as (
  insert into perdura.state_name (code, name)
  select n - 1, name from unnest($1::text[]) with ordinality as s(name, n) order by n
  on conflict (code) do nothing)
insert into perdura.event_name (code, name)
select n - 1, name from unnest($2::text[]) with ordinality as e(name, n) order by n
on conflict (code) do nothing
