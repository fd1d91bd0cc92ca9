-- Summarise the history's BRIN index, so that a lookup does not scan the newest pages. No parameters.
-- Locks: SHARE UPDATE EXCLUSIVE on the partitions of today and yesterday; waits 100 ms at most, so
-- that it never makes an autovacuum give way.
-- Index: transition_job of those partitions.
with patience as materialized (select set_config('lock_timeout', '100ms', true))
select sum(brin_summarize_new_values(i.indexrelid))::integer as n
  from patience, pg_inherits h
  join pg_index i on i.indexrelid = h.inhrelid
  join pg_class t on t.oid = i.indrelid
 where h.inhparent = 'perdura.transition_job'::regclass
   and t.relname >= 'transition_' || to_char((now() at time zone 'utc')::date - 1, 'YYYYMMDD')
