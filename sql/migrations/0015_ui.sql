-- What the pages keep: who is signed in, and pictures that are drawn once.
-- Locks: only new objects.

-- A session: an opaque text in a cookie, of which only a hash is here, in place of an API key.
create table perdura.ui_session (
  -- SHA-256 of 256 random bits, hexadecimal.
  token_hash text primary key,
  -- What it stands for: a revoked key ends its sessions.
  key_id uuid not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);

-- A picture of a chart. `layout` counts the ways in which charts have been laid out and drawn.
create table perdura.chart_picture (
  hash text not null,
  layout integer not null,
  svg text not null,
  drawn_at timestamptz not null default now(),
  primary key (hash, layout)
);
