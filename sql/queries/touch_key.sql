-- Note that an API key is in use. $1 id.
-- Locks: its row, unless somebody else is at it. Index: api_key_id.
-- To the minute: a busy key is written once per process and minute at most.
update perdura.api_key set last_used_at = now()
 where ctid = (select ctid from perdura.api_key
                where id = $1::uuid and coalesce(last_used_at, '-infinity') < now() - interval '1 minute'
                  for update skip locked)
