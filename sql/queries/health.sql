-- Can this database take writes, by this role. No parameters.
-- Locks: nothing. Writes nothing: whether there is room on the disk, only the next write finds out.
-- Index: of pg_class and pg_namespace, by name: `to_regclass` refuses a role that may not use the schema.
select not pg_is_in_recovery()
   and current_setting('transaction_read_only') <> 'on'
   and exists (
         select from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = 'perdura' and c.relname = 'job' and has_schema_privilege(n.oid, 'usage')
            and has_any_column_privilege(c.oid, 'insert') and has_any_column_privilege(c.oid, 'update'))
         as writable
