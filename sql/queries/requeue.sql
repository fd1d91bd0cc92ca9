-- Bring ended jobs back to life. Array literals, one element per job, in the order of their ids:
-- $1 tenant, $2 id, $3 version; then $4 from-states (array), $5 to-state, $6 event, $7 cause, $8 life of a
-- key (ms).
-- Locks: the key rows, then the ended rows, then their places or the rows of their ordering keys. Index:
-- primary keys, place_job.
-- The version goes on rising. A job whose keys cannot be taken again stays where it is: that of `unique`
-- when it is free, or still this job's with nobody running before it, and is as this statement has seen it;
-- of two with the same key the older one gets it. Gives what became of each, and of a single one who holds
-- its key.
with asked as materialized (
  select r.t, r.i, r.v from unnest($1::text[], $2::uuid[], $3::integer[]) as r(t, i, v)),
ended as materialized (
  select j.* from asked r cross join lateral (
    select a.*, null::tid as tid from perdura.job_archive a
     where a.tenant_id = r.t and a.id = r.i and a.version = r.v and a.state = any($4::smallint[])
    union all
    select d.*, d.ctid from perdura.dead_letter d
     where d.tenant_id = r.t and d.id = r.i and d.version = r.v and d.state = any($4::smallint[])) j),
taken as (
  insert into perdura.unique_key as u (tenant_id, key, job_id, payload_hash, expires_at)
  select distinct on (tenant_id, idempotency_key)
         tenant_id, idempotency_key, id, 0, now() + $8::bigint * interval '1 millisecond'
    from ended where idempotency_key is not null
   order by tenant_id, idempotency_key, id
  on conflict (tenant_id, key) do update
    set job_id = excluded.job_id,
        payload_hash = case when u.job_id = excluded.job_id then u.payload_hash else 0 end,
        expires_at = excluded.expires_at
    where u.job_id = excluded.job_id
       or (u.expires_at < now()
           and (select j.id from perdura.job j where j.tenant_id = u.tenant_id and j.id = u.job_id) is null)
  returning u.tenant_id, u.job_id),
wanted as materialized (
  select tenant_id, id, type || ' ' || (metadata ->> 'uniqueKey') as key
    from ended where metadata ? 'uniqueKey'),
named as materialized ( -- one of each key: who has it still, or else the oldest
  select distinct on (w.tenant_id, w.key) w.tenant_id, w.key, w.id, u.n,
         u.n is null
           or ((select j.id from perdura.job j
                 where j.tenant_id = u.tenant_id and j.id = u.waits_for) is null
               and (u.job_id = w.id
                    or ((u.until is null or u.until < now())
                        and (select j.id from perdura.job j
                              where j.tenant_id = u.tenant_id and j.id = u.job_id) is null))) as is_free
    from wanted w left join perdura.unique_lock u on u.tenant_id = w.tenant_id and u.key = w.key
   order by w.tenant_id, w.key, u.job_id is distinct from w.id, w.id),
locked as (
  insert into perdura.unique_lock as u (tenant_id, key, job_id)
  select tenant_id, key, id from named where is_free order by tenant_id, key
  on conflict (tenant_id, key) do update
    set job_id = excluded.job_id, n = u.n + 1, waits_for = null
    where u.n = (select named.n from named where named.tenant_id = u.tenant_id and named.key = u.key)
  returning u.tenant_id, u.job_id),
free as materialized (
  select * from ended
   where (idempotency_key is null
          or (tenant_id, id) in (select taken.tenant_id, taken.job_id from taken))
     and ((tenant_id, id) not in (select wanted.tenant_id, wanted.id from wanted)
          or (tenant_id, id) in (select locked.tenant_id, locked.job_id from locked))),
left_archive as (
  delete from perdura.job_archive a using (select tenant_id, id, version from free where tid is null) f
   where a.tenant_id = f.tenant_id and a.id = f.id and a.version = f.version
  returning a.tenant_id, a.id),
left_dead as (
  delete from perdura.dead_letter d
   where d.ctid = any(array(select tid from free where tid is not null))
  returning d.tenant_id, d.id),
back as materialized (
  select * from free
   where (tenant_id, id) in (select l.tenant_id, l.id from left_archive l)
      or (tenant_id, id) in (select l.tenant_id, l.id from left_dead l)),
kept as ( -- a dead letter that has blocked its key is first in it still
  update perdura.place p set blocked_at = null
    from (select tenant_id, id from back where ordering_key is not null) b
   where p.tenant_id = b.tenant_id and p.job_id = b.id
  returning p.tenant_id, p.job_id),
held as (
  insert into perdura.ordering_key as k (tenant_id, key, batch)
  select tenant_id, ordering_key, nextval('perdura.ordering_batch') from (
    select distinct tenant_id, ordering_key from back
     where ordering_key is not null
       and (tenant_id, id) not in (select kept.tenant_id, kept.job_id from kept)) b
   order by tenant_id, ordering_key
  on conflict (tenant_id, key) do update
    set batch_before = k.batch, batch = nextval('perdura.ordering_batch'), used_at = now()
  returning tenant_id, key, batch),
placed as ( -- at the end; who has lost a place before makes way again
  insert into perdura.place (tenant_id, key, batch, n, job_id, skips)
  select h.tenant_id, h.key, h.batch,
         row_number() over (partition by h.tenant_id, h.key order by b.id)::integer, b.id, true
    from held h join back b on b.tenant_id = h.tenant_id and b.ordering_key = h.key
   where (b.tenant_id, b.id) not in (select kept.tenant_id, kept.job_id from kept)
  returning tenant_id, key),
vacant as (insert into perdura.vacancy (tenant_id, key) select distinct tenant_id, key from placed),
revived as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, created_at, timeout_ms, version, state, priority, attempt,
    max_attempts, crashes, max_crashes, has_data, queue, type, payload, partition_key,
    idempotency_key, tags, backoff, metadata, last_error, cloned_from, parent_id, ordering_key, limit_key)
  select tenant_id, id,
         case when ordering_key is null then lane
              when (tenant_id, id) in (select kept.tenant_id, kept.job_id from kept) then lane & -2
              else lane | 1 end,
         now(), created_at, timeout_ms, version + 1, $5::smallint, priority, 0,
         max_attempts, 0, max_crashes, has_data, queue, type, payload, partition_key,
         idempotency_key, tags, backoff, metadata, last_error, cloned_from, parent_id, ordering_key, limit_key
    from back),
history as (
  insert into perdura.transition (
    tenant_id, job_id, version, event, from_state, to_state, attempt, cause)
  select tenant_id, id, version + 1, $6::smallint, state, $5::smallint, 0, $7::text from back),
grouped as (
  insert into perdura.error_delta (tenant_id, fingerprint, n)
  select tenant_id, coalesce(last_error ->> 'fingerprint', ''), -count(*)
    from back where tid is not null group by 1, 2),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, to_state, n)
  select tenant_id, queue, state, $5::smallint, count(*) from back group by tenant_id, queue, state)
select asked.t, asked.i,
       case when (asked.t, asked.i) in (select back.tenant_id, back.id from back) then 'revived'
            when (asked.t, asked.i) in (select free.tenant_id, free.id from free) then 'moved'
            when (asked.t, asked.i) in (select ended.tenant_id, ended.id from ended) then 'key_taken'
            else 'moved' end as outcome,
       case when cardinality($1::text[]) > 1 then '' else coalesce(
         (select u.job_id::text from ended e
            join perdura.unique_key u on u.tenant_id = e.tenant_id and u.key = e.idempotency_key
           where u.job_id <> e.id),
         (select coalesce(u.waits_for, u.job_id)::text from wanted w
            join perdura.unique_lock u on u.tenant_id = w.tenant_id and u.key = w.key), '') end as holder
  from asked
