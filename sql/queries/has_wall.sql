-- Whether requests of tenants run behind row-level security. No parameters.
-- Locks: nothing.
-- Index: those of the catalog; asked once per process.
select (select count(*) = 2 from pg_roles
         where rolname in ('perdura_tenant', 'perdura_sender') and pg_has_role(current_user, oid, 'member'))
   and exists (select from pg_policy where polname = 'sender' and polrelid = to_regclass('perdura.job'))
   and (select relrowsecurity and relforcerowsecurity from pg_class
         where oid = to_regclass('perdura.job')) as stands
