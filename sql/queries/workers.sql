-- The workers that have said so lately, and those that are silent for less than a day. No parameters.
-- Locks: nothing.
-- Index: none; there are few. is_alive: it has missed two of its beats at most.
select id as i, every_ms, version, to_jsonb(types) as types, to_jsonb(machines) as machines,
       to_jsonb(queues) as queues, partition_key, concurrency, running, started_at, beat_at,
       to_jsonb(charts) as charts,
       beat_at > now() - 3 * every_ms * interval '1 millisecond' as is_alive
  from perdura.worker
 order by started_at, id
