-- Summarise the history's BRIN index, so that a lookup does not scan the newest pages. No parameters.
-- Locks: SHARE UPDATE EXCLUSIVE on today's partition, briefly; waits no longer than lock_timeout.
-- Index: transition_job of every partition that has grown.
select sum(brin_summarize_new_values(i.indexrelid))::integer as n
  from pg_inherits h
  join pg_index i on i.indexrelid = h.inhrelid
  join pg_class t on t.oid = i.indrelid
 where h.inhparent = 'perdura.transition_job'::regclass
