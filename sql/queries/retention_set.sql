-- Set how long ended jobs are kept. $1 tenant, $2 type ('*' each: all), $3 state (-1: history), $4 longest
-- age in ms, $5 how many (null each: any), $6 keep a summary, $7 comes from the settings.
-- Locks: the policy's row. Index: primary key of retention.
-- What the settings say gives way to what an operator has said.
insert into perdura.retention as r (tenant_id, type, state, max_age_ms, max_count, keeps_summary, is_declared)
values ($1::text, $2::text, $3::smallint, $4::bigint, $5::integer, $6::boolean, $7::boolean)
on conflict (tenant_id, type, state) do update
  set max_age_ms = excluded.max_age_ms, max_count = excluded.max_count,
      keeps_summary = excluded.keeps_summary, is_declared = excluded.is_declared
  where r.is_declared or not excluded.is_declared
