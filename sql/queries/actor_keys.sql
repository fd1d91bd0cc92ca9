-- The mail of a key. $1 tenant, $2 actor, $3 key.
-- Locks: nothing.
-- Index: primary key of mail_key.
select mail_id as id from perdura.mail_key
 where tenant_id = $1::text and actor_id = $2::text and key = $3::text
