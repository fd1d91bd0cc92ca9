-- The SQL entry to actors: triggers and programs in any language send events and start actors in the
-- transaction of their own writes.
-- Locks: only new objects.

-- A UUIDv7.
create function perdura.new_id() returns uuid language sql volatile as $$
  select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
           || substr(r.random, 14, 19))::uuid
    from (select replace(gen_random_uuid()::text, '-', '') as random) r
$$;

-- The address of a root: the slash and the percent sign in its id are escaped.
create function perdura.root_address(id text) returns text
language sql immutable strict parallel safe as $$
  select replace(replace($1, '%', '%25'), '/', '%2F')
$$;

-- Send an event to an actor: $1 its id (of a child its address), $2 the event, $3 the tenant. Gives the
-- id of the mail. It is read in its turn, after the caller's commit; one that the machine does not take
-- is recorded in the actor's history, one for nobody is thrown away.
create function perdura.send(actor text, event jsonb, tenant text default 'default')
returns uuid language sql volatile as $$
  insert into perdura.mailbox (tenant_id, actor_id, id, kind, body)
  select $3,
         coalesce((select a.id from perdura.actor a
                    where a.tenant_id = $3 and a.id in (perdura.root_address($1), $1)
                    order by a.id <> perdura.root_address($1) limit 1),
                  perdura.root_address($1)),
         perdura.new_id(), 'event', json_build_object('event', $2)
  returning id
$$;

-- Ask for an actor: $1 machine, $2 input, $3 options `{ id, tenantId }`. Gives its id. The row commits
-- with the caller's transaction; a worker that has the machine starts the actor soon after. What cannot
-- be started becomes a dead letter of the type `perdura.start_actor`, with the reason.
create function perdura.start_actor(machine text, input jsonb default 'null', options jsonb default '{}')
returns text language sql volatile as $$
  with named as (select coalesce($3 ->> 'id', perdura.new_id()::text) as id),
  asked as (
    select perdura.enqueue(
      'perdura.start_actor',
      jsonb_build_object('machine', $1, 'id', named.id, 'input', $2),
      case when $3 ? 'tenantId' then jsonb_build_object('tenantId', $3 -> 'tenantId') else '{}' end)
      from named)
  select named.id from named, asked
$$;
