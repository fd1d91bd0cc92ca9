-- Payloads and outputs as the text they came as: nobody but people looks inside them in SQL, and
-- building a jsonb costs more than storing it. `payload ->> 'key'` works as before.
-- Why: docs/decisions/0017-what-a-drain-is-made-of.md.
-- Locks: ACCESS EXCLUSIVE on each table while it is rewritten.
alter table perdura.job alter column payload type json;
alter table perdura.job_archive alter column payload type json, alter column output type json;
alter table perdura.dead_letter alter column payload type json, alter column output type json;
alter table perdura.job_data alter column value type json;
