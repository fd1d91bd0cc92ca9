-- Bring an ended job back to life. $1 tenant, $2 id, $3 version, $4 from-state, $5 to-state, $6 event,
-- $7 cause, $8 life of a key (ms).
-- Locks: the key rows, then the ended row, then its place or the row of its ordering key.
-- Index: primary keys, place_job.
-- The version goes on rising. Its keys are taken again, or nothing happens at all: that of `unique` when
-- it is free, or still this job's, and is as this statement has seen it.
with ended as materialized (
  select * from (
    select * from perdura.job_archive where tenant_id = $1::text and id = $2::uuid
    union all
    select * from perdura.dead_letter where tenant_id = $1::text and id = $2::uuid) j
   where j.version = $3::integer and j.state = $4::smallint),
taken as (
  insert into perdura.unique_key as u (tenant_id, key, job_id, payload_hash, expires_at)
  select tenant_id, idempotency_key, id, 0, now() + $8::bigint * interval '1 millisecond'
    from ended where idempotency_key is not null
  on conflict (tenant_id, key) do update
    set job_id = excluded.job_id,
        payload_hash = case when u.job_id = excluded.job_id then u.payload_hash else 0 end,
        expires_at = excluded.expires_at
    where u.job_id = excluded.job_id or u.expires_at < now()
  returning job_id),
named as materialized (
  select ended.tenant_id, ended.id, ended.type || ' ' || (ended.metadata ->> 'uniqueKey') as key
    from ended where ended.metadata ? 'uniqueKey'),
seen as materialized (
  select u.n, u.job_id from named join perdura.unique_lock u
      on u.tenant_id = named.tenant_id and u.key = named.key
   where u.job_id = named.id
      or ((u.until is null or u.until < now())
          and not exists (select from perdura.job j
                           where j.tenant_id = u.tenant_id and j.id = u.job_id))),
locked as (
  insert into perdura.unique_lock as u (tenant_id, key, job_id)
  select tenant_id, key, id from named
  on conflict (tenant_id, key) do update
    set job_id = excluded.job_id, n = u.n + 1, waits_for = null
    where u.n = (select n from seen)
  returning job_id),
free as materialized (
  select ended.* from ended
   where (ended.idempotency_key is null or exists (select from taken where taken.job_id = ended.id))
     and (not exists (select from named) or exists (select from locked where locked.job_id = ended.id))),
left_archive as (
  delete from perdura.job_archive a using free
   where a.tenant_id = free.tenant_id and a.id = free.id and a.version = free.version
  returning a.id),
left_dead as (
  delete from perdura.dead_letter d using free
   where d.tenant_id = free.tenant_id and d.id = free.id and d.version = free.version
  returning d.id),
kept as ( -- a dead letter that has blocked its key is first in it still
  update perdura.place p set blocked_at = null from free
   where free.ordering_key is not null and p.tenant_id = free.tenant_id and p.job_id = free.id
  returning p.job_id),
held as (
  insert into perdura.ordering_key as k (tenant_id, key, batch)
  select tenant_id, ordering_key, nextval('perdura.ordering_batch') from free
   where ordering_key is not null and not exists (select from kept)
  on conflict (tenant_id, key) do update
    set batch_before = k.batch, batch = nextval('perdura.ordering_batch'), used_at = now()
  returning tenant_id, key, batch),
placed as ( -- at the end; who has lost a place before makes way again
  insert into perdura.place (tenant_id, key, batch, n, job_id, skips)
  select h.tenant_id, h.key, h.batch, 1, free.id, true from held h join free on free.tenant_id = h.tenant_id
  returning tenant_id, key),
vacant as (insert into perdura.vacancy (tenant_id, key) select tenant_id, key from placed),
revived as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, created_at, timeout_ms, version, state, priority, attempt,
    max_attempts, crashes, max_crashes, has_data, queue, type, payload, partition_key,
    idempotency_key, tags, backoff, metadata, last_error, cloned_from, parent_id, ordering_key, limit_key)
  select tenant_id, id,
         case when ordering_key is null then lane when exists (select from kept) then lane & -2 else lane | 1 end,
         now(), created_at, timeout_ms, version + 1, $5::smallint, priority, 0,
         max_attempts, 0, max_crashes, has_data, queue, type, payload, partition_key,
         idempotency_key, tags, backoff, metadata, last_error, cloned_from, parent_id, ordering_key, limit_key
    from free
   where exists (select from left_archive) or exists (select from left_dead)
  returning tenant_id, id, version, queue),
history as (
  insert into perdura.transition (
    tenant_id, job_id, version, event, from_state, to_state, attempt, cause)
  select tenant_id, id, version, $6::smallint, $4::smallint, $5::smallint, 0, $7::text from revived),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, $4::smallint, $5::smallint, 1 from revived)
select (select count(*) from ended)::integer as found,
       (select count(*) from free)::integer as free,
       (select count(*) from revived)::integer as revived,
       coalesce((select u.job_id::text from ended join perdura.unique_key u
                   on u.tenant_id = ended.tenant_id and u.key = ended.idempotency_key
                  where u.job_id <> ended.id),
                (select u.job_id::text from named join perdura.unique_lock u
                   on u.tenant_id = named.tenant_id and u.key = named.key), '') as holder
