/** Jobs into the store: rows, keys, due times, refusals. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import type { JobInsert } from "../../src/core/job.ts";
import { leaveJob } from "../../src/runtime/leaving.ts";
import { RefusedError } from "../../src/store/failures.ts";
import { buildJob, claimAll } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { untilBlocked } from "../support/locks.ts";

Deno.test("insert() stores what it was given, and writes row 1 of the history", async () => {
  await using db = await testDatabase();
  const job = buildJob({
    payloadJson: '{"text":"quote \\" and \\\\ and {brace},NULL"}',
    tags: ["a,b", 'c"d'],
    metadataJson: '{"k":[1,null]}',
    backoff: { baseMs: 1, factor: 2, capMs: 3 },
    partitionKey: "eu",
    priority: -5,
    tenantId: "null",
  });
  assertEquals(await db.store.insert([job]), [{ id: job.id, created: true, differs: false }]);
  const stored = await db.store.get(null, job.id);
  assert(stored);
  assertEquals(stored.payload, { text: 'quote " and \\ and {brace},NULL' });
  assertEquals(stored.tags, ["a,b", 'c"d']);
  assertEquals(stored.metadata, { k: [1, null] });
  assertEquals(stored.backoff, { baseMs: 1, factor: 2, capMs: 3 });
  assertEquals([stored.tenantId, stored.partitionKey, stored.priority], ["null", "eu", -5]);
  const [first, ...others] = await db.store.history(stored, 0, 10);
  assertEquals(others, []);
  assertEquals([first?.version, first?.event, first?.from, first?.to], [
    1,
    "ENQUEUE",
    null,
    "pending",
  ]);
});

Deno.test("insert() schedules what is not due by the database clock, with a second row", async () => {
  await using db = await testDatabase();
  const later = buildJob({ delayMs: 60_000 });
  const past = buildJob({ runAt: "2001-01-01T00:00:00Z" });
  const future = buildJob({ runAt: "2999-01-01T00:00:00.123Z" });
  await db.store.insert([later, past, future]);
  const [a, b, c] = await Promise.all([later, past, future].map((j) => db.store.get(null, j.id)));
  assertEquals([a?.state, a?.version], ["scheduled", 2]);
  assertEquals([b?.state, b?.version], ["pending", 1]);
  assert(b && b.runAt >= b.createdAt, "a time in the past means now");
  assertEquals([c?.state, c?.runAt], ["scheduled", "2999-01-01T00:00:00.123Z"]);
  assert(a);
  const rows = (await db.store.history(a, 0, 10)).map((r) => [r.version, r.event, r.from, r.to]);
  assertEquals(rows, [[1, "ENQUEUE", null, "pending"], [2, "SCHEDULE", "pending", "scheduled"]]);
});

Deno.test("insert() gives the job of a known key, and says when the payload differs", async () => {
  await using db = await testDatabase();
  const first = buildJob({ idempotencyKey: "k", payloadJson: '{"a":1,"b":2}' });
  const same = buildJob({ idempotencyKey: "k", payloadJson: '{"b":2,"a":1}' });
  const other = buildJob({ idempotencyKey: "k", payloadJson: '{"a":2}' });
  const elsewhere = buildJob({ idempotencyKey: "k", tenantId: "other" });
  await db.store.insert([first]);
  const again = await db.store.insert([same, other, elsewhere]);
  assertEquals(again, [
    { id: first.id, created: false, differs: false },
    { id: first.id, created: false, differs: true },
    { id: elsewhere.id, created: true, differs: false },
  ]);
  assertEquals(await db.store.get(null, same.id), null);
});

Deno.test("insert() gives a key's job while it lives, and after its end until the key expires", async () => {
  await using db = await testDatabase();
  const first = buildJob({ idempotencyKey: "k" });
  await db.store.insert([first]);
  const again = async (more: Partial<JobInsert> = {}) => {
    const [{ id, created } = {}] = await db.store.insert([
      buildJob({ idempotencyKey: "k", ...more }),
    ]);
    return [id === first.id, created];
  };
  const expire = () =>
    db.sql`update perdura.unique_key set expires_at = now() - interval '1 second'`;
  await expire();
  for (const more of [{}, { limitKey: "slow" }]) assertEquals(await again(more), [true, false]);
  await leaveJob({ store: db.store, clock: systemClock }, "default", first.id);
  assertEquals(await again(), [false, true]);
});

Deno.test("insert() settles a hundred racing callers of one key on one job", async () => {
  await using db = await testDatabase();
  const jobs = Array.from({ length: 100 }, () => buildJob({ idempotencyKey: "race" }));
  const results = await Promise.all(jobs.map((job) => db.store.insert([job])));
  const ids = new Set(results.map(([result]) => result?.id));
  assertEquals(ids.size, 1);
  assertEquals(results.filter(([result]) => result?.created).length, 1);
  const [row] = await db.sql`select count(*)::int as n from perdura.job`;
  assertEquals(row?.n, 1);
});

Deno.test("insert() stores all or none when PostgreSQL refuses one", async () => {
  await using db = await testDatabase();
  const good = buildJob();
  const bad = buildJob({ payloadJson: '{"no' });
  await assertRejects(() => db.store.insert([good, bad]), RefusedError);
  assertEquals(await db.store.get(null, good.id), null);
});

Deno.test("insert() keeps a large payload out of the hot row, and claims bring it back", async () => {
  await using db = await testDatabase();
  const text = "x".repeat(5000);
  const job = buildJob({ payloadJson: JSON.stringify({ text }) });
  await db.store.insert([job]);
  const [row] = await db.sql`select payload, has_data from perdura.job`;
  assertEquals([row?.payload, row?.has_data], [null, true]);
  assertEquals((await db.store.get(null, job.id))?.payload, { text });
  const [claimed] = await claimAll(db.store, 1);
  assertEquals(claimed?.payload, { text });
});

Deno.test("insert() takes the locks of keys in one order: two batches cannot deadlock", async () => {
  await using db = await testDatabase();
  await db.store.insert([buildJob()]); // the tenant exists
  const holder = await db.sql.reserve();
  const insertKey = (key: string) =>
    holder`insert into perdura.unique_key (tenant_id, key, job_id, payload_hash, expires_at)
           values ('default', ${key}, gen_random_uuid(), 0, now() + interval '1 day')`;
  await holder`begin`;
  await insertKey("a");
  // Given as (b, a): it must wait for a without holding b.
  const batch = db.store.insert([
    buildJob({ idempotencyKey: "b" }),
    buildJob({ idempotencyKey: "a" }),
  ]);
  await untilBlocked(db.sql);
  await insertKey("b"); // would be the deadlock
  await holder`commit`;
  holder.release();
  const results = await batch;
  assertEquals(results.map((result) => result.created), [false, false]);
  // A deadlock would be sent again and not be noticed otherwise.
  const [deadlocks] = await db.sql`
    select deadlocks::int as n from pg_stat_database where datname = current_database()`;
  assertEquals(deadlocks?.n, 0);
});
