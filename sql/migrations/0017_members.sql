-- Members: jobs that an actor has many of. How they end is counted, and told once per statement that
-- ends some of them; the actor's row knows none of them by name.
-- Locks: `activity`, shortly.

-- A member has no child id, and the generation of its actor (0: it has no parent).
alter table perdura.activity add column is_member boolean not null default false;
-- What a member is called in reports.
alter table perdura.activity add column label text;

-- Members that gave up, and items that never became one: what a report is made of.
create table perdura.member_failure (
  tenant_id text not null,
  actor_id text not null,
  -- Of an item that was refused: an id of its own.
  job_id uuid not null,
  gen integer not null,
  at timestamptz not null default now(),
  label text,
  error jsonb,
  primary key (tenant_id, actor_id, job_id)
);
