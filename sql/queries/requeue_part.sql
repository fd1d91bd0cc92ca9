-- Bring the plain dead letters of one part of an operation back to life: those with no key of any kind.
-- $1 tenant, $2 operation, $3 part, $4 from-states (array literal), $5 to-state, $6 event, $7 cause.
-- Locks: the dead letters, in the order in which they were chosen. Index: primary key of operation_part;
-- primary key of dead_letter, one probe per job.
-- Gives the places, from 1, of those that it has not brought back: requeue.sql looks at these. In a lot of
-- thousands most are plain, and what keys and orders need would cost each of them as much again.
with asked as materialized (
  select r.t, r.i, r.v, r.k
    from perdura.operation_part p
    cross join lateral unnest(p.tenants, p.ids, p.versions) with ordinality as r(t, i, v, k)
   where p.tenant_id = $1::text and p.operation_id = $2::uuid and p.n = $3::integer and p.applied_at is null),
back as materialized (
  delete from perdura.dead_letter d
   where d.ctid = any(array(
           select f.tid from asked r cross join lateral (
             select q.ctid as tid from perdura.dead_letter q
              where q.tenant_id = r.t and q.id = r.i and q.version = r.v) f
            order by r.k))
     and d.state = any($4::smallint[]) and d.idempotency_key is null and d.ordering_key is null
     and (d.metadata ? 'uniqueKey') is not true
  returning d.*),
revived as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, created_at, timeout_ms, version, state, priority, attempt,
    max_attempts, crashes, max_crashes, has_data, queue, type, payload, partition_key,
    tags, backoff, metadata, last_error, cloned_from, parent_id, limit_key)
  select tenant_id, id, lane, now(), created_at, timeout_ms, version + 1, $5::smallint, priority, 0,
         max_attempts, 0, max_crashes, has_data, queue, type, payload, partition_key,
         tags, backoff, metadata, last_error, cloned_from, parent_id, limit_key
    from back),
history as (
  insert into perdura.transition (
    tenant_id, job_id, version, event, from_state, to_state, attempt, cause)
  select tenant_id, id, version + 1, $6::smallint, state, $5::smallint, 0, $7::text from back),
grouped as (
  insert into perdura.error_delta (tenant_id, fingerprint, n)
  select tenant_id, coalesce(last_error ->> 'fingerprint', ''), -count(*) from back group by 1, 2),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, state, $5::smallint, count(*) from back group by tenant_id, queue, state)
select count(*)::integer as size,
       case when (select count(*) from back) < count(*)
            then (select json_agg(k order by k) from asked
                   where (t, i) not in (select b.tenant_id, b.id from back b)) end as rest
  from asked
