-- Due jobs one crash below their limit: each is claimed alone. $1 from-states (array), $2 types
-- (array literal), $3 queues (array literal) or null for all, $4 partition key or null, $5 lanes to leave out
-- (array literal), $6 how many.
-- Locks: nothing. Index: job_suspect.
select j.tenant_id as t, j.lane as l, j.priority as p, j.run_at::text as r, j.id as i,
       j.queue as q, j.type as k, j.partition_key as part, j.limit_key as lk,
       j.ordering_key is not null as ordered
  from perdura.job j
 where j.crashes > 0 and j.crashes >= j.max_crashes - 1
   and j.run_at <= now()
   and j.state = any($1::smallint[])
   and (j.ordering_key is null or j.lane & 1 = 0)
   and j.type = any($2::text[])
   and ($3::text[] is null or j.queue = any($3::text[]))
   and ($4::text is null or j.partition_key = $4::text)
   and j.lane <> all($5::bigint[])
 order by j.run_at, j.id
 limit $6::integer
