/** Circuit breakers in running workers: an upstream that fails, opens it, is probed, and closes it. */
import { assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { BreakerDesk } from "../../src/runtime/breakers.ts";
import { systemClock } from "../../src/core/clock.ts";
import { RateLimitedError } from "../../src/core/errors.ts";
import { describeError } from "../../src/core/failure.ts";
import type { Ending } from "../../src/runtime/endings.ts";
import { defineHandler, type Handler, indexHandlers } from "../../src/runtime/handlers.ts";
import { Jobs } from "../../src/runtime/jobs.ts";
import { type GateName, NO_LIMITS } from "../../src/core/gate.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const TYPE: GateName = { tenantId: null, kind: "type", name: "upstream" };

/** A handler of a service that can be broken and mended. */
function upstream(
  overrides: object = {},
): { handler: Handler; calls: () => number; set: (ok: boolean) => void } {
  let isUp = false;
  let calls = 0;
  const handler = defineHandler({
    type: "upstream",
    input: z.unknown(),
    breaker: { failures: 3, windowMs: 60_000, openMs: 300, probes: 1, ...overrides },
    retry: { maxAttempts: 100, baseMs: 1, factor: 1, capMs: 1 },
    handle: () => {
      calls++;
      if (!isUp) throw new Error("upstream is down");
      return null;
    },
  });
  return { handler, calls: () => calls, set: (ok) => isUp = ok };
}

async function insert(db: TestDatabase, w: ReturnType<typeof testWorker>, n: number, more = {}) {
  void db;
  for (let i = 0; i < n; i++) await w.jobs.enqueueUnchecked({ type: "upstream", ...more });
}

function untilState(desk: BreakerDesk, gate: GateName, state: string) {
  return eventually(`the breaker is ${state}`, async () => {
    const breaker = await desk.get(gate).catch(() => null);
    return breaker?.state === state && breaker;
  });
}

Deno.test("an upstream that fails opens the breaker, is probed, and closes it", async () => {
  await using db = await testDatabase();
  const { handler, set } = upstream();
  const desk = new BreakerDesk(db.store);
  await using w = testWorker(db, [handler], { concurrency: 1 });
  await using _other = testWorker(db, [handler], { concurrency: 1 });
  await insert(db, w, 5);
  await untilState(desk, TYPE, "open");
  const job =
    (await w.jobs.list({ tenantId: "default", states: null, type: null, queue: null }, null, 9))
      .at(-1)!;
  // Not while it is the probe.
  await eventually("the breaker keeps it", async () => {
    const reasons = await w.jobs.explain(null, job.id);
    return reasons.some(({ code }) => code.startsWith("breaker_"));
  });
  set(true);
  await untilState(desk, TYPE, "closed");
  await eventually("all succeed", async () => {
    const counts = await db.store.counts("default");
    return counts.find(({ state }) => state === "succeeded")?.count === 5;
  });
  const steps = await desk.steps(TYPE, 0, 100);
  const path = steps.map(({ to }) => to);
  assertEquals(path.slice(0, 3), ["closed", "open", "half_open"]);
  assertEquals(path.at(-1), "closed");
});

Deno.test("what waits behind an open breaker spends no attempt; by hand it opens and closes", async () => {
  await using db = await testDatabase();
  const { handler, calls, set } = upstream({ openMs: 600_000 });
  const desk = new BreakerDesk(db.store);
  await using w = testWorker(db, [handler], { concurrency: 1 });
  await insert(db, w, 1);
  await untilState(desk, TYPE, "open");
  const before = calls();
  await insert(db, w, 3);
  await w.worker.quiet(1_000);
  const [waiting] = await db.sql`select max(attempt)::int as n from perdura.job where attempt < 3`;
  assertEquals([waiting?.n, calls()], [0, before]);
  set(true);
  assertEquals((await desk.move(TYPE, "CLOSE", "tested")).state, "closed");
  await eventually("all succeed", async () => {
    const counts = await db.store.counts("default");
    return counts.find(({ state }) => state === "succeeded")?.count === 4;
  });
  assertEquals((await desk.move(TYPE, "OPEN", "tested")).context.openUntil, null);
  const last = (await desk.steps(TYPE, 0, 100)).at(-1);
  assertEquals([last?.event, last?.from, last?.to, last?.cause], [
    "OPEN",
    "closed",
    "open",
    "tested",
  ]);
});

Deno.test("the breaker comes first: who waits behind it spends no start of a rate, and holds no slot", async () => {
  await using db = await testDatabase();
  const { handler, set } = upstream({ openMs: 600_000 });
  const desk = new BreakerDesk(db.store);
  await using w = testWorker(db, [handler], { concurrency: 1 });
  await insert(db, w, 1);
  await untilState(desk, TYPE, "open");
  const mail: GateName = { tenantId: "default", kind: "queue", name: "mail" };
  await db.store.gates.setLimits(mail, {
    ...NO_LIMITS,
    ...{ ratePerMinute: 1, burst: 1, concurrency: 1 },
  });
  await insert(db, w, 1, { queue: "mail" });
  await w.worker.quiet(1_000);
  assertEquals((await db.sql`select from perdura.slot`).length, 0);
  set(true);
  await desk.move(TYPE, "CLOSE", "tested");
  // Had its start been spent, the next one would come in a minute.
  await eventually("both succeed", async () => {
    const [row] = await db.sql`select count(*)::int as n from perdura.job_archive`;
    return row?.n === 2;
  }, 30_000);
});

Deno.test("a breaker per limit key stops that key alone", async () => {
  await using db = await testDatabase();
  let calls = 0;
  const handler = defineHandler({
    type: "upstream",
    input: z.object({ ok: z.boolean() }),
    breaker: { failures: 2, windowMs: 60_000, openMs: 600_000, per: "key" },
    retry: { maxAttempts: 100, baseMs: 1, factor: 1, capMs: 1 },
    handle: ({ ok }) => {
      calls++;
      if (!ok) throw new Error("down");
    },
  });
  const desk = new BreakerDesk(db.store);
  await using w = testWorker(db, [handler]);
  await insert(db, w, 1, { payload: { ok: false }, limitKey: "bad" });
  await untilState(desk, { tenantId: "default", kind: "key", name: "bad" }, "open");
  for (let n = 0; n < 3; n++) {
    const { id } = await w.jobs.enqueueUnchecked({
      type: "upstream",
      payload: { ok: true },
      limitKey: "good",
    });
    assertEquals((await w.reach(id, "succeeded")).limitKey, "good");
  }
  assertEquals((await desk.list("default")).map(({ gate }) => gate.name), ["bad"]);
  assertEquals(calls, 5);
});

Deno.test("endings that workers outside bring move the breaker of the type", async () => {
  await using db = await testDatabase();
  const { handler } = upstream({ openMs: 600_000 });
  const desk = new BreakerDesk(db.store);
  const jobs = new Jobs({
    store: db.store,
    handlers: indexHandlers([handler]),
    clock: systemClock,
    defaults: {
      ...{ maxAttempts: 3, maxCrashes: 3 },
      backoff: { baseMs: 20, factor: 1, capMs: 20 },
    },
  });
  const aim = { tenantId: null, ifVersion: null };
  const claimed = async () => {
    const { id } = await jobs.enqueueUnchecked({ type: "upstream" });
    return await jobs.claim(id, aim, { worker: null, leaseMs: 30_000 });
  };
  const fails = (retryable: boolean): Ending => {
    const error = { ...describeError(new Error("down"), new Date()), retryable };
    return { kind: "failed", error, retryable, delayMs: null };
  };
  for (let n = 0; n < 3; n++) await jobs.end((await claimed()).id, aim, fails(false));
  assertEquals(await desk.list("default"), [], "what no retry mends is the job's own fault");
  const late = await claimed();
  for (let n = 0; n < 3; n++) await jobs.end((await claimed()).id, aim, fails(true));
  assertEquals((await desk.get(TYPE)).state, "open");
  await assertRejects(claimed, RateLimitedError, "breaker");
  await jobs.end(late.id, aim, { kind: "succeeded", output: "null" });
  assertEquals((await desk.get(TYPE)).state, "open", "it began before that");
  await desk.move(TYPE, "CLOSE", "tested");
  for (let n = 0; n < 3; n++) await jobs.end((await claimed()).id, aim, fails(true));
  await assertRejects(claimed, RateLimitedError, "breaker");
  await db.sql`
    update perdura.breaker
       set open_until = now(),
           snapshot = jsonb_set(snapshot::jsonb, '{context,openUntil}', '1')::json`;
  const probe = await eventually("a probe passes", () => claimed().catch(() => null));
  await jobs.end(probe.id, aim, { kind: "succeeded", output: "null" });
  assertEquals((await desk.get(TYPE)).state, "closed");
});
