-- Can this database take writes. No parameters.
-- Locks: nothing.
-- Index: none.
select not pg_is_in_recovery() and current_setting('transaction_read_only') <> 'on' as writable
