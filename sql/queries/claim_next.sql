-- claim_level.sql where one job is due, or wanted: the same parameters and answer, and claim_level itself where more
-- are (sql/migrations/0028_claim_next.sql).
-- Locks: the picked job rows, FOR UPDATE SKIP LOCKED, in claim order.
-- Index: job_claim, equality on tenant, lane and priority, range from the cursor to now.
select jobs, kind, tids from perdura.claim_next(
  $1::uuid, $2::uuid, $3::integer, $4::integer, $5::smallint[], $6::smallint, $7::integer,
  $8::text, $9::bigint, $10::smallint, $11::text::timestamptz, $12::uuid, $13::bigint)
