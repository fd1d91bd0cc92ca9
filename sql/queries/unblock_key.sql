-- Let an ordering key go on without the dead letter that blocks it. $1 tenant, $2 key.
-- Locks: the place. Index: place_blocked.
-- The dead letter stays where it is; brought back, it takes a place at the end. promote.sql tells the next one.
with freed as (
  delete from perdura.place where tenant_id = $1::text and key = $2::text and blocked_at is not null
  returning tenant_id, key, job_id),
vacant as (insert into perdura.vacancy (tenant_id, key) select tenant_id, key from freed)
select job_id as i from freed
