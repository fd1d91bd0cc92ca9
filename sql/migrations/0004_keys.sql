-- API keys: an id, the hash of a secret, a tenant, scopes. Small; read once per key and few seconds.
-- Locks: only new objects.

create table perdura.api_key (
  -- '*': a platform key, good in every tenant.
  tenant_id text not null,
  id uuid not null,
  name text not null,
  -- SHA-256 of 256 random bits, hexadecimal.
  secret_hash text not null,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  -- To the minute.
  last_used_at timestamptz,
  primary key (tenant_id, id)
);
create index api_key_id on perdura.api_key (id);
