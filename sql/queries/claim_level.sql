-- Claim up to $7 due jobs of one level, a lane at one priority: claim.sql for what most claims ask, as a function
-- (sql/migrations/0031_claims_by_place.sql). $1 lease id, $2 worker, $3 lease ms, $4 grace ms, $5 from-states (array),
-- $6 to-state, $7 limit; $8 tenant, $9 lane, $10 priority, $11 cursor run_at, $12 cursor id; $13 the change of the
-- gates that the caller knows (null: any). Never suspects. Answer: see claim.sql.
-- Locks: the picked job rows, FOR UPDATE SKIP LOCKED, in claim order.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
select jobs, kind, tids from perdura.claim_level(
  $1::uuid, $2::uuid, $3::integer, $4::integer, $5::smallint[], $6::smallint, $7::integer,
  $8::text, $9::bigint, $10::smallint, $11::text::timestamptz, $12::uuid, $13::bigint)
