-- Files that clients send for jobs to read: a row, and its bytes in pieces.
-- Locks: only new objects.

create table perdura.file (
  tenant_id text not null,
  id uuid not null,
  name text not null,
  media_type text not null,
  -- Bytes; null while it is being sent.
  size integer,
  created_at timestamptz not null default now(),
  primary key (tenant_id, id)
);

create table perdura.file_piece (
  tenant_id text not null,
  file_id uuid not null,
  n integer not null,
  -- Most files are text that its sender could have compressed.
  data bytea not null,
  primary key (tenant_id, file_id, n),
  foreign key (tenant_id, file_id) references perdura.file (tenant_id, id) on delete cascade
);
