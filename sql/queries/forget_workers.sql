-- Forget workers that have been silent for a day. No parameters.
-- Locks: their rows.
-- Index: none; there are few.
delete from perdura.worker where beat_at < now() - interval '1 day'
