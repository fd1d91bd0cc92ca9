-- Send a hint to listening workers. $1 channel, $2 payload (below 8,000 bytes).
-- Locks: the notification queue, at commit; so never in a transaction that stores anything.
-- Index: none. A lost hint costs one poll interval, nothing else.
-- Listeners are woken at the commit, which does not wait for the disk.
select set_config('synchronous_commit', 'off', true), pg_notify($1::text, $2::text)
