-- Whether requests of tenants run behind row-level security. No parameters.
-- Locks: nothing.
-- Index: those of the catalog; asked once per process.
select exists (select from pg_roles where rolname = 'perdura_tenant' and pg_has_role(current_user, oid, 'member'))
   and (select relrowsecurity and relforcerowsecurity from pg_class
         where oid = to_regclass('perdura.job')) as stands
