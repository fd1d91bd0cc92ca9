-- How the database is: the oldest transaction that is open in it, leases, and the share of dead rows of
-- the tables that are written all the time. No parameters.
-- Locks: nothing. Index: none; catalogs, statistics and a short table. What another role runs is seen
-- only with pg_read_all_stats.
select coalesce((select max(extract(epoch from now() - xact_start)) from pg_stat_activity
                  where datname = current_database() and pid <> pg_backend_pid()), 0)::float8 as oldest,
       (select count(*) from perdura.lease)::integer as leases,
       coalesce((select json_object_agg(relname, n_dead_tup::float8 / (n_live_tup + n_dead_tup))::text
                   from pg_stat_user_tables
                  where schemaname = 'perdura' and n_live_tup + n_dead_tup > 0
                    and relname in ('job', 'lease', 'mailbox', 'actor', 'turn', 'activity', 'slot',
                                    'gate', 'counter', 'counter_delta', 'inbox')), '{}') as dead
