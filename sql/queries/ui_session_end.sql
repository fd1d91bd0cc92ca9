-- The end of a session. $1 hash of its token.
-- Locks: the row.
-- Index: primary key.
delete from perdura.ui_session where token_hash = $1::text
