-- Delete one ended job and what belongs to it; history that is in `transition`
-- goes with its partition. $1 tenant, $2 id, $3 version, $4 state.
-- Locks: the job's row, then its data, steps, logs, keys and place.
-- Index: primary keys. No row back: the job moved on.
with archived as (
  delete from perdura.job_archive
   where tenant_id = $1::text and id = $2::uuid and version = $3::integer and state = $4::smallint
  returning tenant_id, id, queue, idempotency_key),
buried as (
  delete from perdura.dead_letter
   where tenant_id = $1::text and id = $2::uuid and version = $3::integer and state = $4::smallint
  returning tenant_id, id, queue, idempotency_key),
gone as (select * from archived union all select * from buried),
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
  select tenant_id, queue, $4::smallint, 1 from gone)
select id as i from gone
