/** Limits in a running worker: what waits, what goes on, and when it starts again. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { type GateName, type Limits, NO_LIMITS } from "../../src/core/gate.ts";
import { systemClock, systemRandom } from "../../src/core/clock.ts";
import { drive } from "../../src/runtime/drive.ts";
import { defineHandler, indexHandlers } from "../../src/runtime/handlers.ts";
import { buildJob, eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { held } from "../support/held.ts";
import { testWorker } from "../support/worker.ts";

const QUEUE: GateName = { tenantId: "default", kind: "queue", name: "default" };

const noop = defineHandler({ type: "debug.noop", input: z.unknown(), handle: () => null });

function set(db: TestDatabase, gate: GateName, limits: Partial<Limits>) {
  return db.store.gates.setLimits(gate, { ...NO_LIMITS, ...limits });
}

async function insert(db: TestDatabase, count: number, overrides = {}): Promise<void> {
  await db.store.insert(Array.from({ length: count }, () => buildJob(overrides)));
}

async function countDone(db: TestDatabase, queue = "default"): Promise<number> {
  const [row] = await db.sql`
    select count(*)::int as n from perdura.job_archive where queue = ${queue}`;
  return row?.n;
}

function untilDone(db: TestDatabase, count: number, queue = "default") {
  return eventually(
    `${count} jobs of ${queue} end`,
    async () => await countDone(db, queue) >= count,
  );
}

Deno.test("a paused queue waits, the others go on, and it goes on when it is resumed", async () => {
  await using db = await testDatabase();
  await db.store.gates.setPause(QUEUE, true, false);
  await insert(db, 5);
  await insert(db, 5, { queue: "other" });
  await using _worker = testWorker(db, [noop]);
  await untilDone(db, 5, "other");
  assertEquals(await countDone(db), 0);
  await db.store.gates.setPause(QUEUE, false, false);
  await untilDone(db, 5);
});

Deno.test("a pause takes hold at once in a worker that is told of it", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [noop]);
  await w.run("debug.noop", {});
  await db.store.gates.setPause(QUEUE, true, false);
  db.store.hint({ kind: "lanes", lanes: [] });
  await w.jobs.enqueue({ type: "debug.noop" });
  await w.jobs.enqueue({ type: "debug.noop", queue: "other" });
  await untilDone(db, 1, "other");
  assertEquals(await countDone(db), 1);
});

Deno.test("no more run at once than a queue has slots, in two workers together", async () => {
  await using db = await testDatabase();
  const { handler, letGo, running, most } = held();
  await set(db, QUEUE, { concurrency: 3 });
  await insert(db, 20, { type: "held" });
  await using _one = testWorker(db, [handler]);
  await using _two = testWorker(db, [handler]);
  while (await countDone(db) < 20) {
    await eventually("some run, or all is done", async () => {
      return running() > 0 || await countDone(db) === 20;
    });
    letGo();
  }
  assertEquals(most(), 3);
  const slots = await db.sql`select from perdura.slot`;
  assertEquals(slots.length, 0);
});

Deno.test("a slot that is given back is taken at once, not at the next poll", async () => {
  await using db = await testDatabase();
  await set(db, QUEUE, { concurrency: 1 });
  await db.sql`update perdura.gate set settles_at = null`;
  await insert(db, 50);
  await using _worker = testWorker(db, [noop], { pollMs: 3_600_000 });
  await untilDone(db, 50);
});

Deno.test("an exhausted rate sleeps until its refill, while a lane without limits goes on", async () => {
  await using db = await testDatabase();
  await set(db, QUEUE, { ratePerMinute: 5 });
  await db.sql`update perdura.gate set settles_at = null, period_ms = 1000`;
  await insert(db, 12);
  await insert(db, 300, { queue: "free" });
  await using _worker = testWorker(db, [noop], { pollMs: 3_600_000, concurrency: 2 });
  await untilDone(db, 300, "free");
  await untilDone(db, 12);
  const [row] = await db.sql`
    select extract(epoch from max(started_at) - min(started_at))::float8 as seconds,
           max(attempt) as attempt
      from perdura.job_archive where queue = 'default'`;
  assert(row?.seconds >= 2, `12 starts in ${row?.seconds} s`);
  assertEquals(row?.attempt, 1, "waiting spends no attempt");
});

Deno.test("a limited lane gets its turns beside a backlog of quick jobs", async () => {
  await using db = await testDatabase();
  await set(db, { ...QUEUE, name: "limited" }, { concurrency: 2 });
  // Until it has, its lane is closed, and the backlog would be gone by then.
  const first = testWorker(db, [noop]);
  await eventually("the limit has taken hold", async () => {
    const [row] = await db.sql`select from perdura.gate where settles_at is null`;
    return row !== undefined;
  });
  await first.worker.stop();
  await insert(db, 10_000);
  await insert(db, 6, { queue: "limited" });
  await using _worker = testWorker(db, [noop]);
  await untilDone(db, 6, "limited");
  await untilDone(db, 10_000);
  const [row] = await db.sql`
    select count(*)::int as n from perdura.job_archive a where queue = 'default'
       and started_at > (select max(started_at) from perdura.job_archive where queue = 'limited')`;
  assert(row?.n > 0, "the backlog came first");
});

Deno.test("a limit that is set while jobs run counts them, and holds within a second", async () => {
  await using db = await testDatabase();
  const { handler, letGo, running, most } = held();
  await using _worker = testWorker(db, [handler]);
  await insert(db, 4, { type: "held" });
  await eventually("they run", () => Promise.resolve(running() === 4));
  await set(db, QUEUE, { concurrency: 2 });
  await eventually("it has taken hold", async () => {
    const [row] = await db.sql`select from perdura.gate where settles_at is null`;
    return row !== undefined;
  });
  await insert(db, 6, { type: "held" });
  letGo();
  await untilDone(db, 4);
  await eventually("two run", () => Promise.resolve(running() === 2));
  assertEquals(most(), 4);
  while (await countDone(db) < 10) {
    assert(running() <= 2, `${running()} at once`);
    letGo();
    await eventually("the next run", async () => running() > 0 || await countDone(db) === 10);
  }
});

Deno.test("limits that a handler declares hold in all tenants together", async () => {
  await using db = await testDatabase();
  const { handler, letGo, running, most } = held();
  const limited = { ...handler, limits: { ratePerMinute: null, burst: null, concurrency: 2 } };
  await insert(db, 4, { type: "held", tenantId: "a" });
  await insert(db, 4, { type: "held", tenantId: "b" });
  await using _worker = testWorker(db, [limited]);
  while (await countDone(db) < 8) {
    await eventually("some run, or all is done", async () => {
      return running() > 0 || await countDone(db) === 8;
    });
    letGo();
  }
  assertEquals(most(), 2);
});

Deno.test("every tenant has the rate of the settings, unless it has one of its own", async () => {
  await using db = await testDatabase();
  await set(db, { tenantId: "own", kind: "tenant", name: "" }, { ratePerMinute: 4 });
  for (const tenantId of ["a", "b", "own"]) await insert(db, 10, { tenantId });
  await using _worker = testWorker(db, [noop], { tenantRate: 2 });
  const counts = () =>
    db.sql`
      select tenant_id, count(*)::int as n from perdura.job_archive group by tenant_id order by 1`;
  await eventually("they have started what they may", async () => {
    return (await counts()).reduce((sum, { n }) => sum + n, 0) >= 8;
  });
  assertEquals((await counts()).map(({ n }) => n), [2, 2, 4]);
});

Deno.test("a suspect in a paused queue does not keep the others from running", async () => {
  await using db = await testDatabase();
  const suspect = buildJob({ queue: "paused" });
  await db.store.insert([suspect]);
  await db.sql`update perdura.job set crashes = 2 where id = ${suspect.id}`;
  await db.store.gates.setPause({ ...QUEUE, name: "paused" }, true, false);
  await insert(db, 5);
  await using w = testWorker(db, [noop], { pollMs: 20 });
  await untilDone(db, 5);
  await db.store.gates.setPause({ ...QUEUE, name: "paused" }, false, false);
  await w.reach(suspect.id, "succeeded");
});

Deno.test("a suspect passes its gates like any job", async () => {
  await using db = await testDatabase();
  const suspect = buildJob();
  await db.store.insert([suspect]);
  await db.sql`update perdura.job set crashes = 2 where id = ${suspect.id}`;
  await set(db, QUEUE, { concurrency: 1, ratePerMinute: 1 });
  await using w = testWorker(db, [noop], { pollMs: 20 });
  await w.reach(suspect.id, "succeeded");
  const [gate] = await db.sql`select tick_n::text as starts from perdura.gate where kind = 1`;
  assertEquals(gate?.starts, "{1}");
});

Deno.test("a drive says when a limit lets it go on, and nothing of what is paused", async () => {
  await using db = await testDatabase();
  await set(db, QUEUE, { ratePerMinute: 3 });
  await db.sql`update perdura.gate set settles_at = null`;
  await insert(db, 5);
  const host = {
    ...{ store: db.store, clock: systemClock, random: systemRandom, concurrency: 5, batchSize: 10 },
    ...{ pollMs: 50, leaseMs: 5_000, sweepMs: 60_000, queues: null, partitionKey: null },
    handlers: indexHandlers([noop]),
    backoff: { baseMs: 1, factor: 1, capMs: 1 },
    defaults: { maxAttempts: 3, maxCrashes: 3 },
  };
  const driven = await drive(host, { budgetMs: 20_000 });
  assertEquals([driven.ran, driven.more], [3, false]);
  const waitMs = Date.parse(driven.nextWakeAt ?? "") - Date.now();
  assert(waitMs > 0 && waitMs < 61_000, `${waitMs} ms`);
  await db.store.gates.setPause(QUEUE, true, false);
  const paused = await drive(host, { budgetMs: 20_000 });
  assertEquals([paused.ran, paused.more, paused.nextWakeAt], [0, false, null]);
});

Deno.test("tenants share by their weights while all have something to do", async () => {
  await using db = await testDatabase();
  await set(db, { tenantId: "heavy", kind: "tenant", name: "" }, { weight: 3 });
  await insert(db, 400, { tenantId: "heavy" });
  await insert(db, 400, { tenantId: "light" });
  await using _worker = testWorker(db, [noop], { concurrency: 4, batchSize: 4 });
  await untilDone(db, 800);
  const [row] = await db.sql`
    select count(*) filter (where tenant_id = 'heavy')::int as heavy from (
      select tenant_id from perdura.job_archive order by started_at limit 200) a`;
  assert(Math.abs(row?.heavy - 150) <= 15, `${row?.heavy} of 200`);
});
