-- Which charts a worker has: the jobs of an actor wait for who has its chart, and explain says whether anybody does.
-- Locks: perdura.worker, briefly.

-- Null: a program from before, which runs them whatever its chart is.
alter table perdura.worker add column if not exists charts text[];
