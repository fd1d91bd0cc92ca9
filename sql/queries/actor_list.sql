-- One page of a tenant's actors by machine, status, state and id. $1 tenant, $2 machine (null: all),
-- $3 status, $4 state, $5 after this id, $6 how many, $7 names of machines (a pattern) that are listed only
-- by their name, $8 up to this id (null: no bound); then the terms of a search as list.sql has them: $9
-- field, $10 path, $11 comparison, $12 text, $13 number, $14 negated; $15 this id alone (null: all).
-- Locks: nothing. Index: actor_listing where machine, status and state are given; actor_resting where only
-- a status other than active is; else the primary key.
-- All others are asked row by row: actor_edge.sql says where such a look ends.
select a.tenant_id as t, a.id as i, a.parent_id, a.machine, a.machine_version, a.status, a.state,
       array_to_json(a.tags) as tags, a.version as v, a.created_at, a.updated_at
  from perdura.actor a
 where a.tenant_id = $1::text and ($2::text is null or a.machine = $2)
   and ($2::text is not null or a.machine not like $7::text)
   and ($3::text is null or a.status = $3) and ($4::text is null or a.state = $4)
   and ($15::text is null or a.id = $15) and a.id > $5::text and ($8::text is null or a.id <= $8::text)
   and (cardinality($9::text[]) = 0 or not exists (
     select from unnest($9::text[], $10::text[], $11::smallint[], $12::text[], $13::float8[], $14::boolean[])
       as w(f, p, o, v, y, n)
      cross join lateral (select case w.f
        when 'id' then a.id
        when 'machine' then a.machine
        when 'status' then a.status
        when 'parent' then a.parent_id
        when 'version' then a.version::text
        when 'created' then extract(epoch from date_trunc('milliseconds', a.created_at))::text
        when 'updated' then extract(epoch from date_trunc('milliseconds', a.updated_at))::text
        when 'error' then a.fault::text
        when 'context' then a.snapshot #>> ('{context}'::text[] || w.p::text[])
        when 'text' then concat_ws(' ', a.id, a.machine, a.state, array_to_string(a.tags, ' '),
                                   a.fault::text, (a.snapshot -> 'context')::text)
        end as s) x
      where w.n = coalesce(case
        when w.f = 'tag' then exists (select from unnest(a.tags) as g(t)
                                       where case when w.o = 0 then g.t ilike w.v else g.t = w.v end)
        when w.f = 'state' then exists (
          select from unnest(string_to_array(a.state, ',')) as g(t)
           where case when w.o = 0 then g.t ilike w.v else g.t = w.v or starts_with(g.t, w.v || '.') end)
        when w.o = 0 then x.s ilike w.v
        when w.y is null then x.s = w.v
        when x.s ~ '^-?\d{1,15}(\.\d{1,15})?$'
          then (1 << (1 + sign(x.s::float8 - w.y)::integer)) & w.o <> 0
        end, false)))
 order by a.id limit $6
