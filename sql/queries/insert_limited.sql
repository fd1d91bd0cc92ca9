-- Accept a batch of jobs of which some have an ordering key or a limit key: insert.sql, of which this is a copy, and
-- the places of those that have an ordering key. Parameters as of insert.sql; then $26 ordering key, $27 whether
-- it makes way when it is a dead letter, $28 limit key.
-- Locks: as insert.sql, and the rows of ordering keys in their order, until the commit.
-- Index: as insert.sql, primary keys of ordering_key and place, place_job.
-- Places are taken behind the lock of the key, so that they are in the order of commits: a snapshot that shows
-- one shows all before it. A job starts at once when its key is known to be empty; the snapshot may be older
-- than the lock, and has then missed a batch: in that case, too, the job is parked, and promote.sql looks.
with x as materialized (
  select r.*, coalesce(r.at, now() + r.d * interval '1 millisecond', now()) as due
    from unnest(
      $5::text[], $6::uuid[], $7::bigint[], $8::text[], $9::text[],
      $10::smallint[], $11::smallint[], $12::smallint[], $13::integer[],
      $14::bigint[], $15::timestamptz[], $16::json[],
      $17::json[], $18::text[], $19::jsonb[],
      $20::jsonb[], $21::text[], $22::uuid[], $23::text[],
      $24::bigint[], $26::text[], $27::boolean[], $28::text[]
    ) with ordinality as r(t, i, lane, q, k, p, ma, mc, ms, d, at, y, big, part, back, meta, tags, clone, key,
                           hash, okey, skips, lkey, pos)),
mail as (
  delete from perdura.inbox m using x where $25::boolean and m.tenant_id = x.t and m.id = x.i
  returning m.tenant_id, m.id),
taken as (
  insert into perdura.unique_key as u (tenant_id, key, job_id, payload_hash, expires_at)
  select t, key, i, hash, now() + $4::bigint * interval '1 millisecond' from x
   where key is not null and (not $25::boolean or (t, i) in (select tenant_id, id from mail))
   order by t, key
  on conflict (tenant_id, key) do update
    set job_id = excluded.job_id, payload_hash = excluded.payload_hash,
        expires_at = excluded.expires_at
    where u.expires_at < now()
      and (select j.id from perdura.job j where j.tenant_id = u.tenant_id and j.id = u.job_id) is null
  returning tenant_id, job_id),
mine as materialized (
  select x.* from x
   where (x.key is null or (x.t, x.i) in (select tenant_id, job_id from taken))
     and (not $25::boolean or (x.t, x.i) in (select tenant_id, id from mail))),
ordered as materialized (
  select t, okey, min(pos) as first from mine where okey is not null group by t, okey),
seen as materialized (
  select k.tenant_id, k.key, k.batch from ordered o
    join perdura.ordering_key k on k.tenant_id = o.t and k.key = o.okey),
held as (
  insert into perdura.ordering_key as k (tenant_id, key, batch)
  select t, okey, nextval('perdura.ordering_batch') from ordered order by t, okey
  on conflict (tenant_id, key) do update
    set batch_before = k.batch, batch = nextval('perdura.ordering_batch'), used_at = now()
  returning tenant_id, key, batch, batch_before),
turn as materialized ( -- who may start: the first of a key of which nobody else is there
  select h.tenant_id, h.key, h.batch, o.first, h.batch_before is not distinct from s.batch as is_current,
         exists (select from perdura.place p where p.tenant_id = h.tenant_id and p.key = h.key) as is_taken
    from held h join ordered o on o.t = h.tenant_id and o.okey = h.key
    left join seen s on s.tenant_id = h.tenant_id and s.key = h.key),
placed as (
  insert into perdura.place (tenant_id, key, batch, n, job_id, skips)
  select m.t, m.okey, u.batch, m.pos, m.i, coalesce(m.skips, false)
    from mine m join turn u on u.tenant_id = m.t and u.key = m.okey),
vacant as (
  insert into perdura.vacancy (tenant_id, key)
  select tenant_id, key from turn where not is_current and not is_taken),
ins as (
  insert into perdura.job (
    tenant_id, id, lane, run_at, timeout_ms, version, state, priority, max_attempts, max_crashes,
    has_data, queue, type, payload, partition_key, tags, backoff, metadata, cloned_from,
    idempotency_key, ordering_key, limit_key)
  select x.t, x.i, case when x.okey is null or (u.is_current and not u.is_taken and u.first = x.pos) then lane
                        else lane | 1 end, greatest(due, now()), ms, case when due > now() then 2 else 1 end,
         case when due > now() then $2::smallint else $1::smallint end, p, ma, mc,
         big is not null, q, k, y, part, tags::text[], back, meta, clone, x.key, x.okey, x.lkey
    from mine x left join turn u on u.tenant_id = x.t and u.key = x.okey
  returning tenant_id, queue, state, id, version, has_data, run_at, idempotency_key),
big as (
  insert into perdura.job_data (tenant_id, id, kind, value)
  select x.t, x.i, 0, x.big
    from x join ins on ins.tenant_id = x.t and ins.id = x.i where x.big is not null),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, to_state, n)
  select tenant_id, queue, state, count(*) from ins group by tenant_id, queue, state),
history as (
  insert into perdura.transition (tenant_id, job_id, version, event, from_state, to_state, attempt)
  select tenant_id, id, 2, $3::smallint, $1::smallint, $2::smallint, 0 from ins where version = 2)
select now() as c,
       (select string_agg(concat_ws(' ', id, state, version, run_at), E'\n') from ins
         where version = 2 or idempotency_key is not null or $25::boolean) as told
