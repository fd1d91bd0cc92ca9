-- A new session, and no more of those that are over. $1 hash of its token, $2 key, $3 milliseconds.
-- Locks: the new row; sessions that are over, SKIP LOCKED.
-- Index: primary key; the table is small.
with over as (
  select token_hash from perdura.ui_session where expires_at < now() limit 100 for update skip locked),
gone as (delete from perdura.ui_session s using over o where s.token_hash = o.token_hash)
insert into perdura.ui_session (token_hash, key_id, expires_at)
values ($1::text, $2::uuid, now() + $3::bigint * interval '1 millisecond')
