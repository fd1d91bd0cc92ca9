/** Waiting for a job: by hint, by poll, until the time is over. */
import { assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { systemClock } from "../../src/core/clock.ts";
import { NotFoundError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/id.ts";
import { defineHandler, indexHandlers } from "../../src/runtime/handlers.ts";
import { Jobs } from "../../src/runtime/jobs.ts";
import { Waiting } from "../../src/runtime/waiting.ts";
import { openStore } from "../../src/store/open.ts";
import { buildJob, changeFor, claimed, eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const echo = defineHandler({ type: "echo", input: z.unknown(), handle: (input) => input });

Deno.test("wait gives the finished job, to many waiters at once", async () => {
  await using db = await testDatabase();
  await using runtime = testWorker(db, [echo]);
  const made = await runtime.jobs.enqueueMany(
    Array.from({ length: 30 }, (_, n) => ({ type: "echo", payload: n })),
  );
  const done = await Promise.all(made.map(({ id }) => runtime.jobs.wait("default", id, 60_000)));
  assertEquals(done.map((job) => [job.state, job.output]), made.map((_, n) => ["succeeded", n]));
});

Deno.test("wait gives the job as it is when the time is over or nobody listens any more", async () => {
  await using db = await testDatabase();
  const jobs = new Jobs({
    store: db.store,
    handlers: indexHandlers([echo]),
    clock: systemClock,
    defaults: { maxAttempts: 3, maxCrashes: 3, backoff: { baseMs: 1, factor: 1, capMs: 1 } },
  });
  const [made] = await db.store.insert([buildJob()]);
  const id = made?.id ?? "";
  assertEquals((await jobs.wait(null, id, 30)).state, "pending");
  assertEquals((await jobs.wait(null, id, 60_000, AbortSignal.timeout(30))).state, "pending");
  const waits = jobs.wait(null, id, 60_000);
  jobs.stopWaiting();
  assertEquals((await waits).state, "pending");
  assertEquals((await jobs.wait(null, id, 60_000)).state, "pending");
  await assertRejects(() => jobs.wait(null, newId(), 30), NotFoundError);
  await assertRejects(() => jobs.wait("other", id, 30), NotFoundError);
});

Deno.test("the poll finds an end that no hint told of", async () => {
  await using db = await testDatabase();
  const [job] = await claimed(db.store, buildJob());
  if (!job) throw new Error("not claimed");
  const waiting = new Waiting({
    ended: (jobs) => db.store.ended(jobs),
    onHint: () => Promise.reject(new Error("deaf")),
    hint: () => {},
  }, systemClock);
  const over = waiting.ended(job, 60_000);
  assertEquals(waiting.size, 1);
  assertEquals(await db.store.commit(null, [changeFor(job, { type: "SUCCEED" })]), []);
  await over;
  assertEquals(waiting.size, 0);
});

Deno.test("a store that is closed listens no more, whoever still waits", async () => {
  await using db = await testDatabase();
  const [made] = await db.store.insert([buildJob()]);
  const name = `waits ${made?.id}`;
  const store = openStore({ url: db.url, name });
  const waiting = new Waiting(store, systemClock);
  const patience = new AbortController();
  const job = { tenantId: "default", id: made?.id ?? "" };
  const over = waiting.ended(job, 3_600_000, patience.signal);
  const connected = async () => {
    const [row] = await db.sql`
      select count(*)::int as n from pg_stat_activity where application_name = ${name}`;
    return Number(row?.n);
  };
  await eventually("connections", async () => await connected() >= 2);
  await store.close();
  await eventually("none", async () => await connected() === 0);
  patience.abort();
  await over;
  assertEquals(await connected(), 0);
});

Deno.test("a signal that outlives a wait is not listened to any more", async () => {
  await using db = await testDatabase();
  const [made] = await db.store.insert([buildJob()]);
  const waiting = new Waiting(db.store, systemClock);
  const { signal } = new AbortController();
  const left = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  Object.assign(signal, {
    addEventListener: (...given: Parameters<typeof addEventListener>) => {
      left.add(given[1]);
      addEventListener.apply(signal, given);
    },
    removeEventListener: (...given: Parameters<typeof removeEventListener>) => {
      left.delete(given[1]);
      removeEventListener.apply(signal, given);
    },
  });
  const over = waiting.ended({ tenantId: "default", id: made?.id ?? "" }, 60_000, signal);
  assertEquals(left.size, 1);
  waiting.stop();
  await over;
  assertEquals(left.size, 0);
});
