-- Groups of a tenant's dead letters by the fingerprint of their error, the last seen first. $1 tenant,
-- $2, $3 after this group: when it was last seen, and its fingerprint (null: from the first), $4 how many.
-- Locks: nothing. Index: primary key of error_group; error_delta is short, folded by every sweep;
-- dead_letter_error, one probe per group on the page for its newest member.
-- One snapshot over both: what is not folded yet is added.
with groups as materialized (
  select fingerprint, sum(n)::bigint as n, min(first_at) as first_at, max(last_at) as last_at from (
    select fingerprint, n, first_at, last_at from perdura.error_group where tenant_id = $1::text
    union all
    select fingerprint, n, case when n > 0 then at end, case when n > 0 then at end
      from perdura.error_delta where tenant_id = $1::text) d
   group by fingerprint having sum(n) > 0),
page as (
  select * from groups
   where $2::text is null or (last_at, fingerprint) < ($2::text::timestamptz, $3::text)
   order by last_at desc, fingerprint desc limit $4::integer)
select p.fingerprint as f, p.n, p.first_at, p.last_at, p.last_at::text as place, d.id as i, d.type,
       d.queue, d.last_error ->> 'name' as name, d.last_error ->> 'message' as message
  from page p
  left join lateral (
    select * from perdura.dead_letter l
     where l.tenant_id = $1::text and coalesce(l.last_error ->> 'fingerprint', '') = p.fingerprint
     order by l.id desc limit 1) d on true
 order by p.last_at desc, p.fingerprint desc
