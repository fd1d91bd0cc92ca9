-- Jobs per queue and state. $1 tenant (null: all).
-- Locks: nothing. Index: primary key of counter; counter_delta is short, folded by every sweep.
-- One snapshot over both: what is not folded yet is added.
select queue as q, state as s, sum(n)::bigint as n from (
  select queue, state, n from perdura.counter where $1::text is null or tenant_id = $1::text
  union all
  select queue, to_state, n from perdura.counter_delta
   where to_state is not null and ($1::text is null or tenant_id = $1::text)
  union all
  select queue, from_state, -n from perdura.counter_delta
   where from_state is not null and ($1::text is null or tenant_id = $1::text)) c
 group by queue, state
