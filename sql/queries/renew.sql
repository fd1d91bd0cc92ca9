-- Renew all leases of one worker and learn what to abort. $1 lease ids (array literal), $2 worker,
-- $3 lease ms.
-- Locks: lease rows in id order. Index: primary key of lease. HOT update: the key arrays stay put.
-- Never past hard_until, and never back: who asked for a longer lease has it. A lease that is not returned was taken over. `cancels`: jobs to cancel.
with mine as materialized (
  select id from perdura.lease
   where id = any($1::uuid[]) and worker = $2::uuid and expires_at > now()
   order by id for update),
renewed as (
  update perdura.lease le
     set expires_at = least(
           greatest(le.expires_at, now() + $3::integer * interval '1 millisecond'), le.hard_until)
    from mine where le.id = any(array[mine.id])
  returning le.id)
select r.id as l,
       (select jsonb_agg(c.job_id) from perdura.cancel_request c where c.lease_id = r.id) as cancels
  from renewed r
