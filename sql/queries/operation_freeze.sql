-- The jobs that an operation is about, counted exactly, and frozen unless it is a dry run. $1 tenant (null:
-- any, by ids), $2 ids (array literal, null: all of the tenant), $3 homes, $4 states (arrays), $5 type,
-- $6 queue, $7 from, $8 to (null each: all); $9 to $14 the terms of a search as list.sql has them.
-- The operation: $15 tenant, $16 id (null: a dry run), $17 action, $18 filter, $19 rate, $20 due time of
-- a reschedule, $21 cause, $22 who asked, $23 jobs in a part. $24 how many jobs of a dry run to name.
-- $25 fingerprint of the error (null: any).
-- Locks: nothing; inserts. Index: primary keys of the homes, all rows of the tenant in them; tenant_tag.
-- The time that from and to are about: the end; of a live job its last error, else its creation. Both are
-- taken with their whole millisecond: clients know no more of an end than that.
-- One statement, one snapshot: what comes later is not among them, and what has moved on since is
-- told by its version.
with named as materialized (
  select t.id as t, r.i from unnest($2::uuid[]) as r(i)
    join perdura.tenant t on t.tag = ('x' || right(r.i::text, 3))::bit(12)::integer
   where $1::text is null or t.id = $1::text),
picked as materialized (
  select j.tenant_id, j.id, j.version, row_number() over (order by j.id, j.tenant_id) - 1 as n
    from (
      select * from perdura.any_job a where $2::uuid[] is null and a.tenant_id = $1::text
      union all
      select a.* from named, lateral (
        select * from perdura.any_job b where b.tenant_id = named.t and b.id = named.i) a) j
   where j.home = any($3::smallint[])
     and ($25::text is null or coalesce(j.last_error ->> 'fingerprint', '') = $25::text)
     and j.state = any($4::smallint[])
     and ($5::text is null or j.type = $5::text)
     and ($6::text is null or j.queue = $6::text)
     and ($7::text is null or $7::text::timestamptz
          <= coalesce(j.finished_at, (j.last_error ->> 'at')::timestamptz, j.created_at))
     and ($8::text is null or $8::text::timestamptz
          >= date_trunc('milliseconds',
               coalesce(j.finished_at, (j.last_error ->> 'at')::timestamptz, j.created_at)))
     and (cardinality($9::text[]) = 0 or not exists (
       select from unnest($9::text[], $10::text[], $11::smallint[], $12::text[], $13::float8[], $14::boolean[])
         as w(f, p, o, v, y, n)
        cross join lateral (select case w.f
          when 'id' then j.id::text
          when 'type' then j.type
          when 'queue' then j.queue
          when 'key' then j.idempotency_key
          when 'partition' then j.partition_key
          when 'cloned' then j.cloned_from::text
          when 'fingerprint' then j.last_error ->> 'fingerprint'
          when 'error' then concat_ws(': ', j.last_error ->> 'name', j.last_error ->> 'message')
          when 'attempt' then j.attempt::text
          when 'crashes' then j.crashes::text
          when 'priority' then j.priority::text
          when 'version' then j.version::text
          when 'created' then extract(epoch from date_trunc('milliseconds', j.created_at))::text
          when 'started' then extract(epoch from date_trunc('milliseconds', j.started_at))::text
          when 'finished' then extract(epoch from date_trunc('milliseconds', j.finished_at))::text
          when 'due' then extract(epoch from date_trunc('milliseconds', j.run_at))::text
          when 'metadata' then j.metadata #>> w.p::text[]
          when 'progress' then j.progress #>> w.p::text[]
          when 'output' then j.output #>> w.p::text[]
          when 'payload' then coalesce(j.payload, case when j.has_data then (
            select d.value from perdura.job_data d
             where d.tenant_id = j.tenant_id and d.id = j.id and d.kind = 0) end) #>> w.p::text[]
          when 'text' then concat_ws(' ', j.type, j.queue, j.partition_key, j.idempotency_key,
            array_to_string(j.tags, ' '), j.last_error ->> 'message',
            case when j.type = any(w.p::text[]) then null else j.payload::text end)
          end as s) x
        where w.n = coalesce(case
          when w.f = 'tag' then exists (select from unnest(j.tags) as g(t)
                                         where case when w.o = 0 then g.t ilike w.v else g.t = w.v end)
          when w.o = 0 then x.s ilike w.v
          when w.y is null then x.s = w.v
          when x.s ~ '^-?\d{1,15}(\.\d{1,15})?$'
            then (1 << (1 + sign(x.s::float8 - w.y)::integer)) & w.o <> 0
          end, false)))),
counted as materialized (
  select count(*)::integer as matched, ((count(*) + $23::integer - 1) / $23::integer)::integer as parts
    from picked),
noted as (
  insert into perdura.operation (
    tenant_id, id, action, is_wide, filter, rate, run_at, cause, requested_by, matched, parts)
  select $15::text, $16::uuid, $17::text, $1::text is null, $18::text::json, $19::integer,
         $20::text::timestamptz, $21::text, $22::text, matched, parts
    from counted where $16::uuid is not null),
frozen as (
  insert into perdura.operation_part (tenant_id, operation_id, n, tenants, ids, versions)
  select $15::text, $16::uuid, n / $23::integer, array_agg(tenant_id order by n), array_agg(id order by n),
         array_agg(version order by n)
    from picked where $16::uuid is not null group by n / $23::integer)
select matched, parts,
       to_jsonb(array(select jsonb_build_array(tenant_id, id) from picked
                       where $16::uuid is null and n < $24::integer order by n)) as sample
  from counted
