-- Can this database take writes, by this role. No parameters.
-- Locks: nothing. Writes nothing: whether there is room on the disk, only the next write finds out.
-- Index: none.
select not pg_is_in_recovery()
   and current_setting('transaction_read_only') <> 'on'
   and coalesce(has_table_privilege(j.job, 'insert') and has_table_privilege(j.job, 'update'), false)
         as writable
  from (select to_regclass('perdura.job') as job) j
