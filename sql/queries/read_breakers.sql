-- Breakers by name, as they stand. $1 tenants, $2 kinds, $3 names (array literals); null: all of $4, and of all
-- tenants together.
-- Locks: nothing. Index: primary key of breaker.
select b.tenant_id as t, b.kind as k, b.name, b.version as v, b.state as s, b.snapshot, b.changed_at,
       extract(epoch from clock_timestamp())::float8 * 1000 as now_ms
  from perdura.breaker b
 where case when $1::text[] is null then b.tenant_id in ($4::text, '*')
            else (b.tenant_id, b.kind, b.name) in (
              select * from unnest($1::text[], $2::smallint[], $3::text[])) end
 order by b.kind, b.name, b.tenant_id
