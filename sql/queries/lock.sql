-- Take a lock for a job, unless somebody else has it. $1 tenant, $2 name, $3 job, $4 worker, $5 ttl (ms).
-- Locks: the row. Index: primary key.
-- Tokens rise with every taking, also of rows that were deleted meanwhile: what is written under a lower one than
-- another that was seen is of somebody who has lost the lock.
-- No row back: it is taken.
insert into perdura.lock as l (tenant_id, name, token, job_id, worker, expires_at)
values ($1::text, $2::text, nextval('perdura.lock_token'), $3::uuid, $4::uuid,
        now() + $5::integer * interval '1 millisecond')
on conflict (tenant_id, name) do update
  set token = nextval('perdura.lock_token'), job_id = excluded.job_id, worker = excluded.worker, taken_at = now(),
      expires_at = excluded.expires_at
  where l.expires_at < now()
returning token::text
