/** No due job is left behind a cursor, whatever brought it there; and suspects run alone. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { systemClock, systemRandom } from "../../src/core/clock.ts";
import { newId } from "../../src/core/id.ts";
import { over } from "../../src/core/over.ts";
import { drive } from "../../src/runtime/drive.ts";
import { defineHandler, indexHandlers } from "../../src/runtime/handlers.ts";
import type { Store } from "../../src/store/store.ts";
import { buildJob, eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const noop = defineHandler({ type: "debug.noop", input: z.unknown(), handle: () => null });

async function isDone(db: TestDatabase, id: string): Promise<boolean> {
  return (await db.store.get(null, id))?.state === "succeeded";
}

Deno.test("a slice runs two keys of ordered jobs to their ends, however long its claims take", async () => {
  await using db = await testDatabase();
  const keys = ["a", "b"];
  // Each that is next of its key is due before all that were claimed of the other.
  for (const orderingKey of keys) {
    await db.store.insert(Array.from({ length: 5 }, () => buildJob({ orderingKey })));
  }
  const gates = over<Store["gates"]>(db.store.gates, {
    claim: async (request) => {
      await new Promise((done) => setTimeout(done, 10));
      return await db.store.gates.claim(request);
    },
  });
  const driven = await drive({
    store: over<Store>(db.store, { gates }),
    handlers: indexHandlers([noop]),
    ...{
      clock: systemClock,
      random: systemRandom,
      concurrency: 5,
      batchSize: 5,
      pollMs: 3_600_000,
    },
    ...{ leaseMs: 30_000, sweepMs: 60_000, queues: null, partitionKey: null },
    backoff: { baseMs: 1, factor: 1, capMs: 1 },
    defaults: { maxAttempts: 3, maxCrashes: 3 },
  }, { budgetMs: 20_000 });
  assertEquals([driven.ran, driven.more], [10, false]);
});

Deno.test("a job committed late, behind the cursor, is found", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [noop]);
  // A lane that is empty for a moment may be forgotten, and its cursor with it: this one never is.
  await w.jobs.enqueue({ type: "debug.noop", delayMs: 3_600_000 });
  await w.run("debug.noop", {});
  // A row whose run_at is older than everything claimed, which becomes visible only later.
  const late = buildJob();
  const open = await db.sql.reserve();
  await open`begin`;
  const columns = await db.sql`select lane from perdura.job_archive limit 1`;
  await open`
    insert into perdura.job (tenant_id, id, lane, run_at, timeout_ms, version, state, priority,
                             max_attempts, max_crashes, has_data, queue, type, payload)
    values ('default', ${late.id}, ${columns[0]?.lane}, now(), 900000, 1, 0, 0, 3, 3, false,
            'default', 'debug.noop', '{}')`;
  for (let n = 0; n < 20; n++) await w.run("debug.noop", {});
  // What its own process adds may have been handed to it: this one is claimed, and moves the cursor.
  const claimed = buildJob();
  await db.store.insert([claimed]);
  await eventually("a later job is claimed", () => isDone(db, claimed.id));
  await open`commit`;
  open.release();
  await eventually("the late job is done", () => isDone(db, late.id));
});

Deno.test("jobs that come back by RETRY_NOW, SCHEDULE and REQUEUE are found", async () => {
  await using db = await testDatabase();
  const once = defineHandler({
    type: "once",
    input: z.unknown(),
    handle: (_, { job }) => {
      if (job.attempt === 1 && !seen.has(job.id)) {
        seen.add(job.id);
        throw new Error("first");
      }
      return "ok";
    },
  });
  const seen = new Set<string>();
  await using w = testWorker(db, [noop, once]);
  const options = { tenantId: null, ifVersion: null, cause: "test" };
  const scheduled = await w.jobs.enqueue({ type: "debug.noop", delayMs: 3_600_000 });
  const soon = await w.jobs.enqueue({ type: "debug.noop", delayMs: 3_600_000 });
  const dead = await w.jobs.enqueue({ type: "once", maxAttempts: 1 });
  for (let n = 0; n < 5; n++) await w.run("debug.noop", {});
  await w.jobs.send(scheduled.id, { type: "RETRY_NOW" }, options);
  await w.jobs.send(soon.id, { type: "SCHEDULE", when: { delayMs: 50 } }, options);
  await w.reach(dead.id, "dead_letter");
  await w.jobs.send(dead.id, { type: "REQUEUE" }, options);
  for (const { id } of [scheduled, soon, dead]) await w.reach(id, "succeeded");
});

Deno.test("a job is never started before it is due by the database clock", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [noop]);
  const delays = [1, 50, 150, 300, 450];
  const jobs = await w.jobs.enqueueMany(
    delays.map((delayMs) => ({ type: "debug.noop", delayMs })),
  );
  for (const { id } of jobs) await w.reach(id, "succeeded");
  const early = await db.sql`
    select h.job_id from perdura.history h
      join perdura.job_archive a on a.id = h.job_id
     where h.event = (select code from perdura.event_name where name = 'CLAIM')
       and h.at < a.run_at`;
  assertEquals(early.length, 0);
});

Deno.test("urgent jobs of a lane all start before the others", async () => {
  await using db = await testDatabase();
  const order: number[] = [];
  const note = defineHandler({
    type: "note",
    input: z.object({ p: z.int() }),
    handle: ({ p }) => void order.push(p),
  });
  const jobs = Array.from(
    { length: 200 },
    (_, n) =>
      buildJob({ type: "note", priority: n % 2, payloadJson: JSON.stringify({ p: n % 2 }) }),
  );
  await db.store.insert(jobs);
  await using _worker = testWorker(db, [note], { concurrency: 10 });
  await eventually("all have run", () => Promise.resolve(order.length === 200));
  assertEquals(order.slice(0, 100).filter((p) => p === 0).length, 100);
});

Deno.test("a job id alone leads to its tenant", async () => {
  await using db = await testDatabase();
  const jobs = Array.from({ length: 50 }, (_, n) => buildJob({ tenantId: `tenant-${n}` }));
  await db.store.insert(jobs);
  for (const job of jobs) {
    assertEquals((await db.store.get(null, job.id))?.tenantId, job.tenantId);
    assertEquals(await db.store.get("another", job.id), null);
  }
});

Deno.test("a suspect runs alone: nothing else runs beside it in its process", async () => {
  await using db = await testDatabase();
  const suspect = buildJob({ type: "watch" });
  await db.store.insert([suspect]);
  await db.sql`update perdura.job set crashes = 2 where id = ${suspect.id}`;
  let running = 0;
  let beside: number | null = null;
  const release = Promise.withResolvers<void>();
  const busy = defineHandler({
    type: "busy",
    input: z.unknown(),
    handle: async () => {
      running++;
      await release.promise;
      running--;
    },
  });
  const watch = defineHandler({
    type: "watch",
    input: z.unknown(),
    handle: () => {
      beside = running;
      return null;
    },
  });
  await db.store.insert(Array.from({ length: 5 }, () => buildJob({ type: "busy", id: newId() })));
  await using w = testWorker(db, [busy, watch], { pollMs: 20 });
  await eventually(
    "others run, or the suspect is through",
    () => Promise.resolve(running > 0 || beside !== null),
  );
  release.resolve();
  await w.reach(suspect.id, "succeeded");
  assertEquals(beside, 0);
});

Deno.test("an enqueue wakes an idle worker that would poll only in an hour", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [noop], { pollMs: 3_600_000 });
  const listening = () =>
    db.sql`
    select 1 from pg_stat_activity
     where datname = current_database() and query ilike 'listen%'`;
  await eventually("the worker listens", async () => (await listening()).length > 0);
  assert(await w.run("debug.noop", {}));
});
