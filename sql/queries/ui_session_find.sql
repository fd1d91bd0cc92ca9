-- The key that a session stands for. $1 hash of its token.
-- Locks: nothing.
-- Index: primary key.
select key_id from perdura.ui_session where token_hash = $1::text and expires_at > now()
