-- Store results of steps, of any mix of jobs. Array literals, one element per result: $1 tenant, $2 id,
-- $3 version, $4 name, $5 attempt, $6 value (JSON text), $7 lease.
-- Locks: the job rows in name order, shared, so that no version can move under its step; the new rows.
-- Index: primary keys of job and step. Returns the numbers of those whose lease is held, from 1.
with x as materialized (
  select * from unnest(
    $1::text[], $2::uuid[], $3::integer[], $4::text[], $5::smallint[], $6::text[], $7::uuid[])
    with ordinality as x(t, i, v, name, attempt, value, lease, k)),
mine as materialized (
  select j.tenant_id, j.id, x.name, x.attempt, x.value, x.k
    from perdura.job j join x on j.tenant_id = any(array[x.t]) and j.id = x.i
   where j.version = x.v and j.lease_id = x.lease
   order by x.t, x.i for share of j),
saved as (
  insert into perdura.step (tenant_id, job_id, name, attempt, value)
  select tenant_id, id, name, attempt, value::jsonb from mine
  on conflict (tenant_id, job_id, name) do nothing)
select k::integer as k from mine
