-- Forget ordering keys that nobody has used for a while. $1 how long (ms), $2 how many.
-- Locks: the rows, SKIP LOCKED. Index: primary keys of ordering_key and place.
-- Whoever has added jobs meanwhile has moved used_at, which is looked at again behind the lock.
delete from perdura.ordering_key k
 where (k.tenant_id, k.key) in (
   select o.tenant_id, o.key from perdura.ordering_key o
    where o.used_at < now() - $1::bigint * interval '1 millisecond'
      and not exists (select from perdura.place p where p.tenant_id = o.tenant_id and p.key = o.key)
    limit $2::integer for update skip locked)
   and k.used_at < now() - $1::bigint * interval '1 millisecond'
