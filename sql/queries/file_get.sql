-- A complete file without its bytes. $1 tenant (null: any), $2 id, $3 the tag it ends with.
-- Locks: none.
-- Index: primary key of file; without a tenant, of each tenant by the tag its id ends with.
select f.tenant_id, f.id, f.name, f.media_type, f.size, f.created_at
  from perdura.file f
 where f.id = $2::uuid and f.size is not null
   and f.tenant_id = any(
     case when $1::text is not null then array[$1::text]
          else array(select t.id from perdura.tenant t where t.tag = $3::smallint) end)
