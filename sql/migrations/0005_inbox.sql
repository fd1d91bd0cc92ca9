-- The SQL entry: triggers and programs in any language add a row, any driver makes a job of it.
-- Locks: only new objects.

create table perdura.inbox (
  tenant_id text not null,
  -- The id that the job will have.
  id uuid not null,
  type text not null,
  payload jsonb,
  options jsonb not null,
  at timestamptz not null default now(),
  primary key (tenant_id, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- The tag that ids of a tenant's jobs end with: `tenantTag` of src/core/id.ts, in SQL. Names are ASCII.
create function perdura.tenant_tag(tenant text) returns integer
language sql immutable strict parallel safe as $$
  with recursive mix(n, a, b) as (
    select 0, 3735928559::bigint, 1103547991::bigint
    union all
    select n + 1,
           mod((a # ascii(substr(tenant, n + 1, 1)))::numeric * 2654435761, 4294967296)::bigint,
           mod((b # ascii(substr(tenant, n + 1, 1)))::numeric * 1597334677, 4294967296)::bigint
      from mix where n < length(tenant))
  select ((mod((a # (a >> 16))::numeric * 2246822507, 4294967296)::bigint
         # mod((b # (b >> 13))::numeric * 3266489909, 4294967296)::bigint) >> 20)::integer
    from mix where n = length(tenant)
$$;

-- Ask for a job: $1 type, $2 payload, $3 the options of `POST /jobs` (tenantId, delayMs, priority, …).
-- Gives the id that the job will have. The row commits with the caller's transaction; a driver makes
-- the job from it soon after. What cannot become a job becomes a dead letter, with the reason.
create function perdura.enqueue(type text, payload jsonb default '{}', options jsonb default '{}')
returns uuid language sql volatile as $$
  insert into perdura.inbox (tenant_id, id, type, payload, options)
  select t.tenant,
         (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
           || substr(t.random, 14, 3) || substr(t.random, 17, 13)
           || lpad(to_hex(perdura.tenant_tag(t.tenant)), 3, '0'))::uuid,
         $1, $2, coalesce($3, '{}')
    -- What is no name of a tenant is the default tenant's mistake.
    from (select case when $3 ->> 'tenantId' ~ '^[A-Za-z0-9_][A-Za-z0-9_.:@/-]{0,127}$'
                      then $3 ->> 'tenantId' else 'default' end as tenant,
                 replace(gen_random_uuid()::text, '-', '') as random) t
  returning id
$$;
