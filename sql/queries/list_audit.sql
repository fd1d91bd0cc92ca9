-- One page of the audit, newest first. $1 tenant (null: all), $2 before this id (null: from the newest),
-- $3 who, $4 action (`job.` and the like: all that begin so), $5 subject, $6 from, $7 until (each null: any),
-- $8 how many.
-- Locks: nothing. Index: primary key of audit, or audit_subject; audit_id across tenants.
-- Ids carry their time: a bound in time is a bound on ids, give or take clocks that disagree.
select tenant_id, id, at, who, action, subject, reason, version, detail
  from perdura.audit
 where ($1::text is null or tenant_id = $1::text)
   and ($2::uuid is null or id < $2::uuid)
   and ($3::text is null or who = $3::text)
   and ($4::text is null or action = $4::text or right($4::text, 1) = '.' and starts_with(action, $4::text))
   and ($5::text is null or subject = $5::text)
   and ($6::text is null or at >= $6::text::timestamptz)
   and ($7::text is null or at < $7::text::timestamptz)
 order by id desc limit $8::integer
