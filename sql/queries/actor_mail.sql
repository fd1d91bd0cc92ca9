-- What became of one mail. $1 tenant, $2 actor, $3 mail, $4 after this version; $5 how many steps to look at, the
-- last ones: who is asked long afterwards may have put it off before it was read. `w`: it waits in the mailbox.
-- Locks: nothing.
-- Index: actor_step_actor; primary key of mailbox.
select s.version as v, s.outcome, s.reason, m.deferred, a.status, m.id is not null as w
  from perdura.actor a
  left join perdura.mailbox m on m.tenant_id = a.tenant_id and m.actor_id = a.id and m.id = $3::uuid
  left join lateral (
    select r.version, r.outcome, r.reason from (
      select version, outcome, reason, mail_id from perdura.actor_step
       where tenant_id = $1::text and actor_id = $2::text and version > $4::integer
       order by version desc limit $5) r
     where r.mail_id = $3::uuid order by r.version desc limit 1) s on true
 where a.tenant_id = $1::text and a.id = $2::text
