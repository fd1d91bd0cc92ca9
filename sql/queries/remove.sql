-- Delete ended jobs and what belongs to them; history that is in `transition` goes with its partition.
-- Array literals, one element per job, in the order of their ids: $1 tenant, $2 id, $3 version, $4 state; then
-- $5 whether to count them in the summary of their day.
-- Locks: the jobs' rows, then their data, steps, logs, keys and places.
-- Index: primary keys. Gives those that are gone: any other one has moved on.
with asked as materialized (
  select r.t, r.i, r.v, r.f
    from unnest($1::text[], $2::uuid[], $3::integer[], $4::smallint[]) as r(t, i, v, f)),
archived as (
  delete from perdura.job_archive a using asked r
   where a.tenant_id = r.t and a.id = r.i and a.version = r.v and a.state = r.f
  returning a.tenant_id, a.id, a.queue, a.type, a.state, a.finished_at, a.idempotency_key),
buried as (
  delete from perdura.dead_letter d using asked r
   where d.tenant_id = r.t and d.id = r.i and d.version = r.v and d.state = r.f
  returning d.tenant_id, d.id, d.queue, d.type, d.state, d.finished_at, d.idempotency_key,
            d.last_error),
grouped as (
  insert into perdura.error_delta (tenant_id, fingerprint, n)
  select tenant_id, coalesce(last_error ->> 'fingerprint', ''), -count(*) from buried group by 1, 2),
gone as (
  select * from archived
  union all
  select tenant_id, id, queue, type, state, finished_at, idempotency_key from buried),
summarised as (
  insert into perdura.job_summary as s (tenant_id, day, type, queue, state, n)
  select tenant_id, (finished_at at time zone 'utc')::date, type, queue, state, count(*)
    from gone where $5::boolean group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
  on conflict (tenant_id, day, type, queue, state) do update set n = s.n + excluded.n),
data as (
  delete from perdura.job_data d using gone where d.tenant_id = gone.tenant_id and d.id = gone.id),
steps as (
  delete from perdura.step s using gone where s.tenant_id = gone.tenant_id and s.job_id = gone.id),
logs as (
  delete from perdura.job_log l using gone where l.tenant_id = gone.tenant_id and l.job_id = gone.id),
released as (
  delete from perdura.unique_key u using gone
   where u.tenant_id = gone.tenant_id and u.key = gone.idempotency_key and u.job_id = gone.id),
left_place as ( -- a dead letter that is deleted blocks no key
  delete from perdura.place p using gone where p.tenant_id = gone.tenant_id and p.job_id = gone.id
  returning p.tenant_id, p.key),
vacant as (insert into perdura.vacancy (tenant_id, key) select tenant_id, key from left_place),
counted as (
  insert into perdura.counter_delta (tenant_id, queue, from_state, n)
  select tenant_id, queue, state, count(*) from gone group by tenant_id, queue, state)
select tenant_id as t, id as i from gone
