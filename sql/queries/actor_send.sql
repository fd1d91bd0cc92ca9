-- Put events into mailboxes. Array literals: $1 tenant, $2 actor, $3 id, $4 body, $5 key (null: none),
-- $6 kind.
-- Locks: key rows in (tenant, actor, key) order; the new rows. Index: primary keys.
-- A key that is known sends nothing. Returns what was sent.
with x as materialized (
  select * from unnest($1::text[], $2::text[], $3::uuid[], $4::json[], $5::text[], $6::text[])
    as x(t, i, id, body, key, kind)),
taken as (
  insert into perdura.mail_key (tenant_id, actor_id, key, mail_id)
  select t, i, key, id from x where key is not null order by t, i, key
  on conflict (tenant_id, actor_id, key) do nothing
  returning mail_id)
insert into perdura.mailbox (tenant_id, actor_id, id, kind, body)
select t, i, id, kind, body from x where key is null or id in (select mail_id from taken)
returning id
