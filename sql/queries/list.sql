-- One page of a tenant's jobs, live and ended together, newest first. $1 tenant, $2 before this id,
-- $3 not below this id, $4 homes (array), $5 states (array), $6 type, $7 queue (null each: all), $8 how
-- many; then the terms of a search, array literals: $9 field, $10 path (of text: types whose payload is
-- left out), $11 comparison (0: a pattern;
-- else the sum of 1 less, 2 equal, 4 greater), $12 text, $13 number, $14 negated. $15 fingerprint of the
-- error (null: any): of dead letters through dead_letter_error. $16 not created before, $17 created
-- before, seconds since 1970 (null each: any): it passes rows over for a tenth of what a term costs.
-- Locks: nothing. Index: the primary keys of the homes, backwards from the id. Filters are checked row
-- by row: list_edge.sql says where a look with a filter ends, so that it reads a bounded number.
-- One statement, one snapshot: a job that moves between homes is on the page once.
with page as (
  select j.* from perdura.any_job j
   where j.tenant_id = $1::text and j.id < $2::uuid and j.id >= $3::uuid and j.home = any($4::smallint[])
     and ($5::smallint[] is null or j.state = any($5::smallint[]))
     and ($6::text is null or j.type = $6::text)
     and ($7::text is null or j.queue = $7::text)
     and ($15::text is null or coalesce(j.last_error ->> 'fingerprint', '') = $15::text)
     and ($16::float8 is null or j.created_at >= to_timestamp($16::float8))
     and ($17::float8 is null or j.created_at < to_timestamp($17::float8))
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
          end, false)))
   order by j.id desc limit $8::integer)
select f.*, to_jsonb(f.tags) as tag_list, le.worker as lease_owner, le.expires_at as lease_until,
       p.value as big_payload, o.value as big_output
  from page f
  left join perdura.lease le on le.id = f.lease_id
  left join perdura.job_data p
    on f.has_data and p.tenant_id = f.tenant_id and p.id = f.id and p.kind = 0
  left join perdura.job_data o
    on f.has_output and o.tenant_id = f.tenant_id and o.id = f.id and o.kind = 1
 order by f.id desc
