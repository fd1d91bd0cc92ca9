/** A worker with nothing to do asks one question at a time; whatever there is, it finds without a hint. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { systemClock, systemRandom } from "../../src/core/clock.ts";
import { over } from "../../src/core/over.ts";
import { drive } from "../../src/runtime/drive.ts";
import { defineHandler, indexHandlers } from "../../src/runtime/handlers.ts";
import { Glance } from "../../src/runtime/glance.ts";
import { Worker } from "../../src/runtime/worker.ts";
import { newId } from "../../src/core/id.ts";
import type { Known, Sight, Store } from "../../src/store/store.ts";
import { Database } from "../../src/store/database.ts";
import { buildJob, eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const handler = defineHandler({ type: "debug.noop", input: z.unknown(), handle: () => null });
const NOTHING: Sight = {
  ...{ jobs: false, suspects: false, vacancies: false, inbox: false, mail: false },
  ...{ schedules: false, gateChange: "7" },
};

/** How often each statement is sent, by its first words, from now on. */
function counted(): Map<string, number> & Disposable {
  const counts = new Map<string, number>();
  const { queryBefore } = Database.prototype;
  Database.prototype.queryBefore = function (next, text, parameters) {
    const words = /^-- (.*?)[,.]/.exec(text)?.[1] ?? text;
    counts.set(words, (counts.get(words) ?? 0) + 1);
    return queryBefore.call(this, next, text, parameters);
  };
  const stop = () => void Object.assign(Database.prototype, { queryBefore });
  return Object.assign(counts, { [Symbol.dispose]: stop });
}

Deno.test("an idle worker looks at no table of which a glance has seen that it is empty", async () => {
  await using db = await testDatabase();
  await using _w = testWorker(db, [handler], { pollMs: 20 });
  using counts = counted();
  const glances = () => counts.get("What there is to look for") ?? 0;
  // When it begins to listen it may have missed a hint, and looks for itself.
  await eventually("it listens", async () => {
    const here = await db.sql`
      select from pg_stat_activity where query ilike 'listen%' and datname = current_database()`;
    return here.length > 0;
  });
  await eventually("it has looked at all once", () => Promise.resolve(glances() >= 20));
  counts.clear();
  await eventually("it has looked often", () => Promise.resolve(glances() >= 10));
  for (
    const words of [
      ...["All (lane", "Due jobs one crash below their limit", "What waits in the inbox"],
      ...["Milliseconds until a schedule", "What operators have set on gates"],
    ]
  ) {
    const times = [...counts].filter(([text]) => text.startsWith(words));
    assertEquals(times, [], [...counts.keys()].join("\n"));
  }
});

Deno.test("what others store without a word is found all the same", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [handler], { pollMs: 20 });
  await w.run("debug.noop", {});
  const plain = buildJob();
  await db.store.insert([plain]);
  await w.reach(plain.id, "succeeded");
  const suspect = buildJob();
  await db.store.insert([suspect]);
  await db.sql`update perdura.job set crashes = max_crashes - 1 where id = ${suspect.id}`;
  await w.reach(suspect.id, "succeeded");
  const letter = newId();
  await db.sql`
    insert into perdura.inbox (tenant_id, id, type, payload, options)
    values ('default', ${letter}, 'debug.noop', '{}', '{}')`;
  await eventually("the letter is read", async () => {
    return (await db.sql`select from perdura.inbox`).length === 0;
  });
});

Deno.test("a hint that comes during a glance is not answered by it", async () => {
  const asked: ((sight: Sight) => void)[] = [];
  const store = { glance: () => new Promise<Sight>((done) => asked.push(done)) };
  const glance = new Glance({ store, clock: { now: () => 0, monotonic: () => 0 }, pollMs: 1_000 });
  const [jobs, mail] = [glance.sees("jobs"), glance.sees("mail")];
  assertEquals(asked.length, 1, "they share one");
  asked[0]?.(NOTHING);
  assertEquals([await jobs, await mail], [false, false]);
  assertEquals(await glance.sees("jobs"), false, "which stands for a while");
  glance.forget();
  const [hurried, patient] = [glance.maySee("jobs"), glance.sees("inbox")];
  glance.forget();
  asked[1]?.(NOTHING);
  assert(await hurried, "it may have seen nothing of what the hint tells");
  await eventually("who is in no hurry looks again", () => Promise.resolve(asked.length === 3));
  asked[2]?.({ ...NOTHING, inbox: true });
  assert(await patient);
  glance.forget();
  const number = glance.gateChange();
  asked[3]?.(NOTHING);
  assertEquals(await number, "7");
  const unsure = glance.gateChange();
  glance.forget();
  assertEquals(await unsure, null, "there may be a newer one");
});

Deno.test("what a worker knows of jobs and mail it does not ask; what was dear to find stands for a while", async () => {
  const known: unknown[] = [];
  const at = { ms: 10_000 };
  const tookMs = [0, 0, 30, 30, 500];
  const store = {
    glance: (given?: Known) => {
      known.push([given?.jobs, given?.mail]);
      return Promise.resolve({ ...NOTHING, tookMs: tookMs.shift() ?? 0 });
    },
  };
  const taken = { jobs: 0, mail: 0 };
  const clock = { now: () => at.ms, monotonic: () => at.ms };
  const glance = new Glance({ store, clock, pollMs: 1_000 }, () => ({ ...taken }));
  const look = async (afterMs: number) => {
    at.ms += afterMs;
    await glance.sees("inbox");
    return known.at(-1);
  };
  assertEquals(await look(0), [null, null]);
  taken.jobs = 5;
  assertEquals(await look(100), [true, null], "it has taken some");
  assertEquals(await look(900), [true, null]);
  assertEquals(await look(500), [null, false], "for a poll; and mail was dear to look for");
  assertEquals(await look(60), [false, false], "so were jobs");
  glance.forget();
  assertEquals(await look(0), [false, false], "a hint of something else tells nothing of them");
  glance.forgetAll();
  assertEquals(await look(0), [null, null]);
  assertEquals(known.length, 7, "the rest is looked for each time");
  taken.mail = 1;
  assertEquals(await look(3_000), [null, true]);
  tookMs.push(250);
  assertEquals(await look(1_000), [null, null], "what was found before it has taken some is over");
  assertEquals(await look(100), [false, false]);
  glance.forget("lanes");
  assertEquals(await look(100), [true, false], "a hint tells of some");
  glance.forget("mail");
  assertEquals(await look(950), [null, true]);
});

Deno.test("what a look found that began before a hint does not stand", async () => {
  const asked: [Known | undefined, (sight: Sight) => void][] = [];
  const store = {
    glance: (known?: Known) => new Promise<Sight>((done) => asked.push([known, done])),
  };
  const at = { ms: 10_000 };
  const clock = { now: () => at.ms, monotonic: () => at.ms };
  const glance = new Glance({ store, clock, pollMs: 1_000 });
  const first = glance.maySee("jobs");
  glance.forgetAll();
  asked[0]?.[1]({ ...NOTHING, tookMs: 300 });
  assertEquals(await first, true);
  at.ms += 100;
  void glance.maySee("jobs");
  assertEquals(asked[1]?.[0], { jobs: null, mail: null });
});

Deno.test("what was dear to find stands for five polls at most", async () => {
  const at = { ms: 10_000 };
  let looked = 0;
  const store = {
    glance: (given?: Known) => {
      if (given?.jobs === null) looked++;
      return Promise.resolve({ ...NOTHING, tookMs: 9_000 });
    },
  };
  const clock = { now: () => at.ms, monotonic: () => at.ms };
  const glance = new Glance({ store, clock, pollMs: 1_000 });
  for (const [ms, expected] of [[0, 1], [4_900, 1], [200, 2]] as const) {
    at.ms += ms;
    assertEquals(await glance.maySee("jobs"), false);
    assertEquals(looked, expected);
  }
});

Deno.test("a slow glance is no less true for another that was begun after it", async () => {
  const asked: ((sight: Sight) => void)[] = [];
  const store = { glance: () => new Promise<Sight>((done) => asked.push(done)) };
  const at = { ms: 0 };
  const glance = new Glance({
    store,
    clock: { now: () => at.ms, monotonic: () => at.ms },
    pollMs: 1_000,
  });
  const early = glance.sees("jobs");
  at.ms = 900;
  const late = glance.sees("jobs");
  assertEquals(asked.length, 2);
  for (const answer of asked) answer(NOTHING);
  assertEquals([await early, await late], [false, false]);
});

Deno.test("at whatever moment a loop comes, it looks again within the interval, and hardly more", () => {
  for (const pollMs of [20, 1_000, 60_000]) {
    for (let part = 0; part < 1; part += 0.01) {
      const clock = { now: () => 0, monotonic: () => 7 * pollMs + part * pollMs };
      const { pauseMs } = new Glance({
        store: { glance: () => Promise.resolve(NOTHING) },
        clock,
        pollMs,
      });
      assert(pauseMs > 0 && pauseMs <= pollMs + 50, `${pauseMs} of ${pollMs} at ${part}`);
      // Woken a little too early, it does not look twice.
      if (part > 0.999) assert(pauseMs > pollMs);
    }
  }
});

Deno.test("a slice of work does what was stored while it looked", async () => {
  await using db = await testDatabase();
  let glances = 0;
  /** What it has seen, and then a job that nobody tells of. */
  const store = over<Store>(db.store, {
    glance: async () => {
      const sight = await db.store.glance();
      if (glances++ === 0) await db.store.insert([buildJob()]);
      return sight;
    },
  });
  const handlers = indexHandlers([handler]);
  // So slow that one glance would answer everything, however slow the machine is.
  const clock = { ...systemClock, monotonic: () => systemClock.monotonic() / 1_000 };
  const driven = await drive({
    ...{ store, handlers, clock, random: systemRandom, concurrency: 5, batchSize: 5 },
    ...{ pollMs: 3_600_000, leaseMs: 30_000, sweepMs: 60_000, queues: null, partitionKey: null },
    backoff: { baseMs: 1, factor: 1, capMs: 1 },
    defaults: { maxAttempts: 3, maxCrashes: 3 },
  }, { budgetMs: 20_000 });
  assertEquals([driven.ran, driven.more], [1, false]);
});

Deno.test("the end of a slice waits for a list that is asked for while one is read", async () => {
  await using db = await testDatabase();
  let lists = 0;
  const handlers = indexHandlers([handler]);
  await db.store.insert([buildJob()]);
  const store = over<Store>(db.store, {
    lanes: async () => {
      if (lists++ > 0) return await db.store.lanes();
      // As if it had been read before the job was stored, and is answered after somebody has asked.
      queueMicrotask(() => void worker.quiet(20_000).then(() => quiet.resolve()));
      await new Promise((next) => setTimeout(next, 1));
      return [];
    },
  });
  const quiet = Promise.withResolvers<void>();
  const worker = new Worker({
    ...{ store, handlers, clock: systemClock, random: systemRandom, concurrency: 5, batchSize: 5 },
    ...{ pollMs: 3_600_000, leaseMs: 30_000, sweepMs: 60_000, queues: null, partitionKey: null },
    ...{ backoff: { baseMs: 1, factor: 1, capMs: 1 }, shutdownMs: 2_000, hasHints: false },
    defaults: { maxAttempts: 3, maxCrashes: 3 },
  });
  worker.start();
  await quiet.promise;
  assertEquals(worker.stats.finished, 1);
  await worker.stop();
});

/** Timers of the runner that are set now. */
function ticking(): { readonly count: number } & Disposable {
  const { setInterval: set, clearInterval: clear } = globalThis;
  const ours = new Set<unknown>();
  const setOurs = (work: () => void, ms?: number) => {
    const timer = set(work, ms);
    if (ms === 50) ours.add(timer);
    return timer;
  };
  const clearOurs = (timer?: number) => {
    ours.delete(timer);
    clear(timer);
  };
  Object.assign(globalThis, { setInterval: setOurs, clearInterval: clearOurs });
  return {
    get count() {
      return ours.size;
    },
    [Symbol.dispose]: () =>
      void Object.assign(globalThis, { setInterval: set, clearInterval: clear }),
  };
}

Deno.test("a runner ticks while there is something to time, and not after its end", async () => {
  await using db = await testDatabase();
  using timers = ticking();
  const held = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const types = [
    handler,
    defineHandler({
      type: "late",
      input: z.unknown(),
      timeoutMs: 200,
      retry: { maxAttempts: 1 },
      handle: (_, { signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(new Error("late")))
        ),
    }),
    defineHandler({
      type: "deaf",
      input: z.unknown(),
      handle: () => {
        begun.resolve();
        return held.promise;
      },
    }),
  ];
  const w = testWorker(db, types, { shutdownMs: 500, concurrency: 1 });
  const idle = () => eventually("it is idle", () => Promise.resolve(timers.count === 0));
  await w.run("debug.noop", {}, "succeeded");
  await idle();
  const late = await w.run("late", {}, "dead_letter");
  assertEquals(late.lastError?.code, "timeout", "it has begun to tick again");
  await idle();
  await w.jobs.enqueueUnchecked({ type: "deaf", payload: {} });
  await w.jobs.enqueueUnchecked({ type: "debug.noop", payload: {} });
  await begun.promise;
  assertEquals(timers.count, 1);
  await w.worker.stop();
  assertEquals(timers.count, 0);
  // The end of what did not stop in time starts nothing, and sets no timer: the process may end.
  held.resolve();
  await new Promise((next) => setTimeout(next, 0));
  assertEquals(timers.count, 0);
  assertEquals(w.worker.stats.running, 0);
});
