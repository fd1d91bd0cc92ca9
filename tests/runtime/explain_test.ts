/** Each reason that explain gives, against what then really happens in a running worker. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { type GateName, NO_LIMITS } from "../../src/core/gate.ts";
import { BreakerDesk } from "../../src/runtime/breakers.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import type { Reason } from "../../src/runtime/explain.ts";
import { claimAll, eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { type TestWorker, testWorker } from "../support/worker.ts";

const QUEUE: GateName = { tenantId: "default", kind: "queue", name: "default" };
const noop = defineHandler({ type: "noop", input: z.unknown(), handle: () => null });

/** A handler that runs until it is let go. */
function held() {
  const release = Promise.withResolvers<void>();
  const handler = defineHandler({
    type: "held",
    input: z.unknown(),
    handle: () => release.promise,
  });
  return { handler, letGo: () => release.resolve() };
}

async function store(w: TestWorker, job: Record<string, unknown> = {}): Promise<string> {
  return (await w.jobs.enqueueUnchecked({ type: "noop", ...job })).id;
}

/** Polls until the first reason is this one. */
function reasonOf(w: TestWorker, id: string, code: string): Promise<Reason> {
  return eventually(`the reason becomes ${code}`, async () => {
    const [reason] = await w.jobs.explain(null, id);
    return reason?.code === code && reason;
  });
}

/** Stores jobs until one is seen to wait for a time: a slow machine may let it pass first. */
function heldUp(w: TestWorker, code: string, job: Record<string, unknown> = {}) {
  return eventually(`a job waits for its time: ${code}`, async () => {
    const id = await store(w, job);
    const [reason] = await w.jobs.explain(null, id);
    return reason?.code === code && { id, until: String(reason.until) };
  });
}

/** The worker has gone through everything, and has left the job alone. */
async function staysWaiting(w: TestWorker, id: string): Promise<void> {
  const probe = await w.jobs.enqueueUnchecked({ type: "noop", queue: "probe" });
  await w.reach(probe.id, "succeeded");
  const { state, attempt } = await w.jobs.get(null, id);
  assert(["pending", "scheduled"].includes(state) && attempt === 0, `it is ${state}`);
}

Deno.test("not_due: it starts at that time, not before", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [noop]);
  const { id, until } = await heldUp(w, "not_due", { delayMs: 1_500 });
  const { startedAt } = await w.reach(id, "succeeded");
  assert(String(startedAt) >= until, `${startedAt} is before ${until}`);
});

for (const kind of ["tenant", "queue", "type"] as const) {
  Deno.test(`${kind}_paused: it waits until that is resumed`, async () => {
    await using db = await testDatabase();
    await using w = testWorker(db, [noop, held().handler]);
    const names = { tenant: "", queue: "default", type: "noop" };
    const gate = { tenantId: kind === "type" ? "*" : "default", kind, name: names[kind] };
    const tenantId = gate.tenantId === "*" ? null : "default";
    const named: GateName = { ...gate, tenantId: tenantId ?? "*" };
    await db.store.gates.setPause(named, true, false);
    db.store.hint({ kind: "lanes", lanes: [] });
    const id = await store(w);
    await reasonOf(w, id, `${kind}_paused`);
    await idle(db, w);
    assertEquals((await w.jobs.get(null, id)).state, "pending");
    await db.store.gates.setPause(named, false, false);
    await w.reach(id, "succeeded");
  });
}

/** The worker has claimed nothing in a whole round over all lanes. */
async function idle(db: TestDatabase, w: TestWorker): Promise<void> {
  db.store.hint({ kind: "lanes", lanes: [] });
  await w.worker.quiet(1_000);
}

Deno.test("slots_taken: it names the holder, and starts when that ends", async () => {
  await using db = await testDatabase();
  const { handler, letGo } = held();
  await db.store.gates.setLimits(QUEUE, { ...NO_LIMITS, concurrency: 1 });
  await using w = testWorker(db, [noop, handler]);
  const holder = await store(w, { type: "held" });
  await w.reach(holder, "running");
  const id = await store(w);
  const { message } = await reasonOf(w, id, "slots_taken");
  assert(message.includes(holder), message);
  await staysWaiting(w, id);
  letGo();
  const done = await w.reach(id, "succeeded");
  const ended = (await w.jobs.get(null, holder)).finishedAt;
  assert(String(done.startedAt) >= String(ended));
});

Deno.test("rate_limited: it starts when the rate lets it, not before", async () => {
  await using db = await testDatabase();
  await db.store.gates.setLimits(QUEUE, { ...NO_LIMITS, ratePerMinute: 1 });
  await db.sql`update perdura.gate set period_ms = 3000`;
  await using w = testWorker(db, [noop]);
  const first = await store(w);
  await w.reach(first, "succeeded");
  const { id, until } = await heldUp(w, "rate_limited");
  const { startedAt } = await w.reach(id, "succeeded");
  // The instant is rounded to the millisecond.
  assert(Date.parse(String(startedAt)) >= Date.parse(until) - 1, `${startedAt}, ${until}`);
});

Deno.test("breaker_open: nothing starts until it closes", async () => {
  await using db = await testDatabase();
  const gate: GateName = { tenantId: null, kind: "type", name: "guarded" };
  const handler = defineHandler({
    type: "guarded",
    input: z.unknown(),
    breaker: { failures: 1, windowMs: 60_000, openMs: 600_000 },
    retry: { maxAttempts: 1 },
    handle: (_, { job }) => {
      if (job.tags?.includes("broken")) throw new Error("upstream is down");
    },
  });
  await using w = testWorker(db, [noop, handler]);
  const broken = await store(w, { type: "guarded", tags: ["broken"] });
  await w.reach(broken, "dead_letter");
  const desk = new BreakerDesk(db.store);
  await eventually("it opens", async () => {
    const breaker = await desk.get(gate).catch(() => null);
    return breaker?.state === "open";
  });
  const id = await store(w, { type: "guarded" });
  const { message, until } = await reasonOf(w, id, "breaker_open");
  assert(message.includes("guarded") && until !== null, message);
  await staysWaiting(w, id);
  await desk.move(gate, "CLOSE", "tested");
  await w.reach(id, "succeeded");
});

Deno.test("breaker_half_open: it waits for the probe that is under way, and starts after that", async () => {
  await using db = await testDatabase();
  const release = Promise.withResolvers<void>();
  const handler = defineHandler({
    type: "guarded",
    input: z.unknown(),
    breaker: { failures: 1, windowMs: 60_000, openMs: 100 },
    retry: { maxAttempts: 1 },
    handle: async (_, { job }) => {
      if (job.tags?.includes("broken")) throw new Error("upstream is down");
      await release.promise;
    },
  });
  await using w = testWorker(db, [noop, handler]);
  await w.reach(await store(w, { type: "guarded", tags: ["broken"] }), "dead_letter");
  const desk = new BreakerDesk(db.store);
  const gate: GateName = { tenantId: null, kind: "type", name: "guarded" };
  await eventually("it has opened", async () => {
    const breaker = await desk.get(gate).catch(() => null);
    return breaker !== null && breaker.state !== "closed";
  });
  const probe = await store(w, { type: "guarded" });
  await w.reach(probe, "running");
  const id = await store(w, { type: "guarded" });
  const { message } = await reasonOf(w, id, "breaker_half_open");
  assert(message.includes("guarded"), message);
  await staysWaiting(w, id);
  release.resolve();
  const done = await w.reach(id, "succeeded");
  assert(String(done.startedAt) >= String((await w.jobs.get(null, probe)).finishedAt));
});

Deno.test("limit_settling: a new limit lets nobody start until what runs is counted", async () => {
  await using db = await testDatabase();
  let id = "";
  let until: string | null = null;
  {
    await using w = testWorker(db, [noop]);
    // Workers count what runs as soon as they may.
    await w.worker.stop();
    await db.store.gates.setLimits(QUEUE, { ...NO_LIMITS, concurrency: 1 });
    id = await store(w);
    const reasons = await w.jobs.explain(null, id);
    until = reasons.find(({ code }) => code === "limit_settling")?.until ?? null;
    assert(until !== null, JSON.stringify(reasons));
  }
  await using w = testWorker(db, [noop]);
  const { startedAt } = await w.reach(id, "succeeded");
  assert(Date.parse(String(startedAt)) >= Date.parse(until) - 1, `${startedAt}, ${until}`);
});

Deno.test("ordering_key_blocked: it names the job before it, and starts after that", async () => {
  await using db = await testDatabase();
  const { handler, letGo } = held();
  await using w = testWorker(db, [noop, handler]);
  const first = await store(w, { type: "held", orderingKey: "k" });
  await w.reach(first, "running");
  const id = await store(w, { orderingKey: "k" });
  const { message } = await reasonOf(w, id, "ordering_key_blocked");
  assert(message.includes(first) && message.includes("running"), message);
  await staysWaiting(w, id);
  letGo();
  const done = await w.reach(id, "succeeded");
  const ended = (await w.jobs.get(null, first)).finishedAt;
  assert(String(done.startedAt) >= String(ended));
});

Deno.test("waits_for_job: one that runs again names the one it follows, and starts after that", async () => {
  await using db = await testDatabase();
  const { handler, letGo } = held();
  await using w = testWorker(db, [noop, handler]);
  const unique = { key: "k", onRunning: "runAgain" };
  const first = await store(w, { type: "held", unique });
  await w.reach(first, "running");
  const id = await store(w, { type: "held", unique });
  assert(id !== first);
  const { message, until } = await reasonOf(w, id, "waits_for_job");
  assert(message.includes(first) && until === null, message);
  await staysWaiting(w, id);
  letGo();
  const done = await w.reach(id, "succeeded");
  assert(String(done.startedAt) >= String((await w.jobs.get(null, first)).finishedAt));
});

Deno.test("no_worker: it starts when there is one", async () => {
  await using db = await testDatabase();
  let id = "";
  {
    await using w = testWorker(db, [noop]);
    await w.worker.stop();
    id = await store(w);
    await reasonOf(w, id, "no_worker");
    assertEquals((await w.jobs.explain(null, id)).length, 1);
  }
  await using later = testWorker(db, [noop]);
  await later.reach(id, "succeeded");
});

Deno.test("no_capable_worker: of its type, or of its queue; it starts when there is one", async () => {
  await using db = await testDatabase();
  const { handler } = held();
  await using w = testWorker(db, [noop, handler], { queues: ["probe"] });
  const id = await store(w);
  assert((await reasonOf(w, id, "no_capable_worker")).message.includes('queue "default"'));
  await using other = testWorker(db, [handler]);
  const typed = await store(w, { queue: "elsewhere" });
  await eventually("both are seen", async () => (await db.store.workers.list()).length === 2);
  await reasonOf(w, typed, "no_capable_worker");
  await staysWaiting(w, id);
  assertEquals(other.worker.stats.claimed, 0);
  await using _able = testWorker(db, [noop]);
  await w.reach(id, "succeeded");
  await w.reach(typed, "succeeded");
});

Deno.test("workers_busy: it starts when one has room", async () => {
  await using db = await testDatabase();
  const { handler, letGo } = held();
  await using w = testWorker(db, [noop, handler], { concurrency: 1, leaseMs: 9_000 });
  const first = await store(w, { type: "held" });
  await w.reach(first, "running");
  const id = await store(w);
  await reasonOf(w, id, "workers_busy");
  assertEquals((await w.jobs.get(null, id)).attempt, 0);
  letGo();
  await w.reach(id, "succeeded");
});

Deno.test("runs_alone: a suspect waits until its worker runs nothing else", async () => {
  await using db = await testDatabase();
  const { handler, letGo } = held();
  await using w = testWorker(db, [noop, handler]);
  const busy = await store(w, { type: "held" });
  await w.reach(busy, "running");
  const id = await store(w, { delayMs: 3_600_000 });
  await db.sql`update perdura.job set crashes = max_crashes - 1, run_at = now() where id = ${id}`;
  await reasonOf(w, id, "runs_alone");
  await staysWaiting(w, id);
  letGo();
  await w.reach(id, "succeeded");
});

Deno.test("waits_for_worker: nothing is in its way, and a free worker takes it", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [noop]);
  await w.worker.stop();
  const id = await store(w);
  await db.store.workers.beat({
    id: crypto.randomUUID(),
    everyMs: 60_000,
    version: "1",
    types: ["noop"],
    machines: [],
    charts: null,
    queues: null,
    partitionKey: null,
    concurrency: 1,
    running: 0,
  });
  await reasonOf(w, id, "waits_for_worker");
  await using _free = testWorker(db, [noop]);
  await w.reach(id, "succeeded");
});

Deno.test("running, cancel_requested, lease_over: who holds it until when, and who recovers it", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [noop]);
  await w.worker.stop();
  const id = await store(w);
  const worker = crypto.randomUUID();
  const [claimed] = await claimAll(db.store, 1, { worker, leaseMs: 60_000 });
  assertEquals(claimed?.id, id);
  const held = await reasonOf(w, id, "running");
  const job = await w.jobs.get(null, id);
  assert(held.message.includes(worker));
  assertEquals(held.until, job.leaseUntil);
  await w.jobs.send(id, { type: "CANCEL" }, { tenantId: null, ifVersion: null, cause: "test" });
  const codes = (await w.jobs.explain(null, id)).map(({ code }) => code);
  assertEquals(codes, ["running", "cancel_requested"]);
  await db.sql`update perdura.lease set expires_at = now() - interval '1 s'`;
  const over = (await w.jobs.explain(null, id)).map(({ code }) => code);
  assertEquals(over, ["running", "lease_over", "cancel_requested"]);
  await using _next = testWorker(db, [noop], { sweepMs: 100 });
  await w.reach(id, "cancelled");
  await reasonOf(w, id, "ended");
});
