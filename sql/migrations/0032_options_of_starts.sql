-- perdura.start_actor() hands on the options that it does not know: the start is refused for them, and becomes a dead
-- letter that names them. A misspelt id started another actor without a word.
-- Locks: only the function.

-- Ask for an actor: $1 machine, $2 input, $3 options `{ id, tenantId }`. Gives its id. The row commits
-- with the caller's transaction; a worker that has the machine starts the actor soon after. What cannot
-- be started becomes a dead letter of the type `perdura.start_actor`, with the reason.
create or replace function perdura.start_actor(
  machine text, input jsonb default 'null', options jsonb default '{}')
returns text language sql volatile as $$
  with named as (
    select coalesce($3 ->> 'id', perdura.new_id()::text) as id,
           case jsonb_typeof(coalesce($3, 'null')) when 'object' then $3 - '{id,tenantId}'::text[]
                                                   when 'null' then '{}' else $3 end as others),
  asked as (
    select perdura.enqueue(
      'perdura.start_actor',
      jsonb_build_object('machine', $1, 'id', named.id, 'input', $2)
        || case when named.others = '{}' then '{}' else jsonb_build_object('options', named.others) end,
      case when $3 ? 'tenantId' then jsonb_build_object('tenantId', $3 -> 'tenantId') else '{}' end)
      from named)
  select named.id from named, asked
$$;
