-- The table of the debug.effect handler: a plain table as a user's own, without a unique key, so
-- that an effect that happened twice would show. Made only when PERDURA_DEBUG is on.
-- Locks: a new table.
create table if not exists public.debug_effect (
  key text not null,
  job_id uuid not null,
  attempt integer not null,
  at timestamptz not null default now()
);
