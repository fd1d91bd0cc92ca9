-- A claim takes the order of its index, whatever the planner believes about the size of the table: autovacuum that
-- comes by while a queue is nearly empty and somebody holds a snapshot counts next to nothing in thousands of pages.
-- By that count all of a tenant's keys, sorted, seem to cost the same (decision 145).
-- Locks: only the functions.
alter function perdura.claim_level set enable_sort = off;
alter function perdura.claim_next set enable_sort = off;
