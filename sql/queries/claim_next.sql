-- Claim the next due job of one level: claim_level.sql for a single one (sql/migrations/0028_claim_next.sql).
-- $1 lease id, $2 worker, $3 lease ms, $4 grace ms, $5 from-states (array), $6 to-state; $7 tenant, $8 lane,
-- $9 priority, $10 cursor run_at, $11 cursor id; $12 the change of the gates that the caller knows (null: any).
-- Never a suspect. Answer: see claim.sql.
-- Locks: the picked job row, FOR UPDATE SKIP LOCKED.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
select jobs, kind from perdura.claim_next(
  $1::uuid, $2::uuid, $3::integer, $4::integer, $5::smallint[], $6::smallint, $7::text, $8::bigint, $9::smallint,
  $10::text::timestamptz, $11::uuid, $12::bigint)
