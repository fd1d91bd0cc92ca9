-- Who did what: the audit of operators, append-only.
-- Locks: only new objects.

create table perdura.audit (
  -- '*': of no tenant, an action on the platform.
  tenant_id text not null,
  id uuid not null,
  at timestamptz not null default now(),
  who text not null,
  action text not null,
  -- The path of what was acted on: `jobs/<id>`, `queues/default`.
  subject text not null,
  reason text,
  -- Of the subject, when it was acted on.
  version integer,
  detail jsonb,
  primary key (tenant_id, id)
);
create index audit_id on perdura.audit (id);
create index audit_subject on perdura.audit (tenant_id, subject, id);

-- Append-only for everybody but the owner of the table, who can drop the trigger, and is seen doing so.
create function perdura.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'perdura.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger audit_is_append_only before update or delete or truncate on perdura.audit
  for each statement execute function perdura.refuse_change();
