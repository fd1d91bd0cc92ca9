-- Begin a file. $1 tenant, $2 id, $3 name, $4 media type, $5 the tenant's tag. Takes away what began an hour ago and has not
-- been completed: its sender is gone.
-- Locks: the new rows; the old ones and their pieces. Index: primary key of file.
with left_over as (
  delete from perdura.file
   where tenant_id = $1::text and size is null and created_at < now() - interval '1 hour'),
tenant as (
  insert into perdura.tenant (id, tag) values ($1::text, $5::smallint) on conflict (id) do nothing)
insert into perdura.file (tenant_id, id, name, media_type)
values ($1::text, $2::uuid, $3::text, $4::text)
