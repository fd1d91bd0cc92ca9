-- What is kept, and for how long. $1 tenant (null: all).
-- Locks: nothing.
-- Index: primary key of retention; there are few.
select tenant_id as t, type, state as s, max_age_ms, max_count, keeps_summary, is_declared
  from perdura.retention
 where $1::text is null or tenant_id in ($1::text, '*')
 order by tenant_id, type, state
