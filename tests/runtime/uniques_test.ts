/** Unique jobs on a real database: one per key, whoever asks, whenever. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import type { JobState } from "../../machines/job.ts";
import { systemClock } from "../../src/core/clock.ts";
import {
  IdempotencyConflictError,
  InvalidInputError,
  RateLimitedError,
} from "../../src/core/errors.ts";
import type { NewJobInput } from "../../src/core/job.ts";
import { uniqueAction, uniqueSchema } from "../../src/core/unique.ts";
import { indexHandlers } from "../../src/runtime/handlers.ts";
import { Jobs } from "../../src/runtime/jobs.ts";
import { changeFor, claimAll, eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

type Rule = NonNullable<NewJobInput["unique"]>;

function jobsOn(db: TestDatabase): Jobs {
  return new Jobs({
    store: db.store,
    handlers: indexHandlers(debugHandlers),
    clock: systemClock,
    defaults: {
      ...{ maxAttempts: 3, maxCrashes: 3 },
      backoff: { baseMs: 1_000, factor: 2, capMs: 1_000 },
    },
  });
}

function asking(jobs: Jobs) {
  return (n: number, unique: Partial<Rule> = {}, more: Partial<NewJobInput> = {}) =>
    jobs.enqueue({ type: "debug.noop", payload: { n }, unique: { key: "k", ...unique }, ...more });
}

const options = { tenantId: null, ifVersion: null, cause: "test" } as const;

Deno.test("a hundred callers at once, in four processes: one job, and each is told which", async () => {
  await using db = await testDatabase();
  const processes = Array.from({ length: 4 }, () => asking(jobsOn(db)));
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) => processes[n % 4]?.(n)),
  );
  assertEquals(new Set(answers.map((answer) => answer?.id)).size, 1);
  const outcomes = answers.map((answer) => answer?.unique);
  assertEquals(outcomes.filter((outcome) => outcome === "inserted").length, 1);
  assertEquals(outcomes.filter((outcome) => outcome === "deduplicated").length, 99);
  assertEquals((await db.sql`select from perdura.job`).length, 1);
});

Deno.test("onWaiting: keep, replace, replaceKeepRunAt", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const ask = asking(jobs);
  const first = await ask(1, {}, { delayMs: 3_600_000 });
  const { runAt } = await jobs.get(null, first.id);
  assertEquals([first.unique, first.created], ["inserted", true]);
  const kept = await ask(2);
  assertEquals([kept.id, kept.unique, kept.created], [first.id, "deduplicated", false]);
  const later = await ask(3, { onWaiting: "replaceKeepRunAt" }, { priority: -5, tags: ["new"] });
  assertEquals([later.id, later.unique], [first.id, "replaced"]);
  const after = await jobs.get(null, first.id);
  assertEquals([after.payload, after.priority, after.tags, after.runAt], [
    { n: 3 },
    -5,
    ["new"],
    runAt,
  ]);
  await ask(4, { onWaiting: "replace" });
  const now = await jobs.get(null, first.id);
  assertEquals([now.payload, now.priority, now.metadata], [{ n: 4 }, 0, { uniqueKey: "k" }]);
  assert(Date.parse(now.runAt) < Date.parse(runAt));
  const steps = await jobs.history(null, first.id, 0, 10);
  assertEquals(steps.slice(-2).map(({ cause }) => cause), ["unique: replaced", "unique: replaced"]);
});

Deno.test("onRunning: ignore, enqueue", async () => {
  await using db = await testDatabase();
  const ask = asking(jobsOn(db));
  const first = await ask(1);
  assertEquals((await claimAll(db.store, 10)).length, 1);
  const ignored = await ask(2);
  assertEquals([ignored.id, ignored.unique], [first.id, "deduplicated"]);
  const second = await ask(3, { onRunning: "enqueue" });
  assert(second.id !== first.id);
  assertEquals(second.unique, "inserted");
  const third = await ask(4, { onRunning: "enqueue" });
  assertEquals([third.id, third.unique], [second.id, "deduplicated"]);
  assertEquals((await db.sql`select from perdura.job`).length, 2);
});

Deno.test("onRunning: runAgain keeps one follow-up with the newest payload, after the running one", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const ask = asking(jobs);
  const first = await ask(1);
  const [held] = await claimAll(db.store, 10);
  assert(held);
  const again = { onRunning: "runAgain" } as const;
  const second = await ask(2, again);
  const others = await Promise.all([3, 4, 5].map((n) => ask(n, again)));
  assertEquals(new Set(others.map(({ id }) => id)), new Set([second.id]));
  assertEquals(others.map(({ unique }) => unique), ["replaced", "replaced", "replaced"]);
  const newest = await ask(6, again);
  assertEquals([newest.id, newest.unique], [second.id, "replaced"]);
  await using w = testWorker(db, debugHandlers);
  await w.run("debug.noop", {}, "succeeded");
  assertEquals((await jobs.get(null, second.id)).state, "scheduled");
  assertEquals((await jobs.get(null, first.id)).state, "running");
  assertEquals(await db.store.commit(null, [changeFor(held, { type: "SUCCEED" })]), []);
  const done = await w.reach(second.id, "succeeded");
  assertEquals(done.payload, { n: 6 });
  // A sweep may have forgotten the key by now.
  const rows = await db.sql`select from perdura.unique_lock where waits_for is not null`;
  assertEquals(rows.length, 0);
});

Deno.test("a follow-up that is cancelled gives the key back to the job that runs", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const ask = asking(jobs);
  const again = { onRunning: "runAgain" } as const;
  const first = await ask(1);
  const [held] = await claimAll(db.store, 10);
  assert(held);
  const dropped = await ask(2, again);
  await jobs.send(dropped.id, { type: "CANCEL" }, options);
  await db.store.uniques.tidy(null, 10);
  const ignored = await ask(3);
  assertEquals([ignored.id, ignored.unique], [first.id, "deduplicated"]);
  const refused = await assertRejects(
    () => jobs.send(dropped.id, { type: "REQUEUE" }, options),
    IdempotencyConflictError,
  );
  assertEquals(refused.members.existing, first.id);
  const second = await ask(4, again);
  assertEquals([second.unique, (await jobs.get(null, second.id)).state], ["inserted", "scheduled"]);
  assertEquals((await ask(5, again)).id, second.id);
  assertEquals(await db.store.commit(null, [changeFor(held, { type: "SUCCEED" })]), []);
  await using w = testWorker(db, debugHandlers);
  await w.run("debug.noop", {}, "succeeded");
  assertEquals((await w.reach(second.id, "succeeded")).payload, { n: 5 });
});

Deno.test("scope: live is free when its job has ended, window is not before its time", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const ask = asking(jobs);
  const first = await ask(1);
  await jobs.send(first.id, { type: "CANCEL" }, options);
  const second = await ask(2, { scope: "window", windowMs: 3_600_000 });
  assertEquals(second.unique, "inserted");
  await jobs.send(second.id, { type: "CANCEL" }, options);
  const third = await ask(3, { scope: "window", windowMs: 3_600_000 });
  assertEquals([third.id, third.unique], [second.id, "deduplicated"]);
  await db.sql`update perdura.unique_lock set until = now() - interval '1 second'`;
  assertEquals((await ask(4, { scope: "window", windowMs: 3_600_000 })).unique, "inserted");
});

Deno.test("a dead job takes its key again, or is refused with the one that has it", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const ask = asking(jobs);
  const first = await ask(1);
  await jobs.send(first.id, { type: "CANCEL" }, options);
  await jobs.send(first.id, { type: "REQUEUE" }, options);
  assertEquals((await ask(2)).id, first.id);
  await jobs.send(first.id, { type: "CANCEL" }, options);
  const second = await ask(3);
  const error = await assertRejects(
    () => jobs.send(first.id, { type: "REQUEUE" }, options),
    IdempotencyConflictError,
  );
  assertEquals(error.members.existing, second.id);
  await jobs.send(second.id, { type: "CANCEL" }, options);
  await jobs.send(first.id, { type: "REQUEUE" }, options);
  const copy = await jobs.rerun(null, first.id);
  assertEquals([copy.metadata, (await ask(4)).id], [null, first.id]);
  const labelled = await ask(5, { key: "other" }, { metadata: { n: 1 } });
  assertEquals((await jobs.rerun(null, labelled.id)).metadata, { n: 1 });
});

Deno.test("requeues and new jobs that race for one key: never two live ones", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const ask = asking(jobs);
  for (let round = 0; round < 15; round++) {
    const { id } = await ask(round);
    await jobs.send(id, { type: "CANCEL" }, options);
    await Promise.allSettled([
      ask(100 + round),
      jobs.send(id, { type: "REQUEUE" }, options),
      ask(200 + round),
      jobs.send(id, { type: "REQUEUE" }, options),
    ]);
    const live = await db.sql`select id from perdura.job`;
    assertEquals(live.length, 1, `round ${round}`);
    await jobs.send(live[0]?.id, { type: "CANCEL" }, options);
  }
});

Deno.test("inside a transaction: there when it commits, not there when it does not", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const input = { type: "debug.noop", unique: { key: "k", onWaiting: "replace" } };
  const inside = (payload: unknown, fails: boolean) =>
    db.sql.begin(async (tx) => {
      const send = async (
        text: string,
        parameters: readonly unknown[],
      ) => [...await tx.unsafe(text, parameters as never[])];
      const added = await jobs.enqueueIn(send, { ...input, payload });
      if (fails) throw new Error("undone");
      return added;
    });
  await assertRejects(() => inside({ n: 1 }, true), Error, "undone");
  assertEquals((await db.sql`select from perdura.unique_lock`).length, 0);
  const first = await inside({ n: 2 }, false);
  const second = await inside({ n: 3 }, false);
  assertEquals([first.unique, second.unique, second.id], ["inserted", "replaced", first.id]);
  assertEquals((await jobs.get(null, first.id)).payload, { n: 3 });
});

Deno.test("inside a transaction, while its queue drains: whose key is known is told which, others are refused", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const inside = (input: Partial<NewJobInput>) =>
    db.sql.begin((tx) => {
      const send = async (
        text: string,
        parameters: readonly unknown[],
      ) => [...await tx.unsafe(text, parameters as never[])];
      return jobs.enqueueIn(send, { type: "debug.noop", ...input });
    });
  const [unique, keyed] = [{ unique: { key: "k" } }, { idempotencyKey: "k" }];
  const first = [await inside(unique), await inside(keyed)];
  const queue = { tenantId: "default", kind: "queue", name: "default" } as const;
  await db.store.gates.setPause(queue, false, true);
  await assertRejects(() => inside({}), RateLimitedError);
  const again = [await inside(unique), await inside({ ...keyed, payload: { n: 1 } })];
  assertEquals(again.map(({ id, created }) => [id, created]), first.map(({ id }) => [id, false]));
  assertEquals(again.map(({ differs, unique }) => [differs, unique]), [
    [false, "deduplicated"],
    [true, null],
  ]);
});

Deno.test("keys whose jobs have ended are forgotten, others stay", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const ask = asking(jobs);
  const ended = await ask(1, { key: "ended" });
  await jobs.send(ended.id, { type: "CANCEL" }, options);
  await ask(2, { key: "live" });
  const held = await ask(3, { key: "window", scope: "window", windowMs: 3_600_000 });
  await jobs.send(held.id, { type: "CANCEL" }, options);
  const { uniques } = db.store;
  const cursor = await eventually("all are looked at", () => uniques.tidy(null, 10));
  assertEquals(await uniques.tidy(cursor, 10), null);
  const keys = await db.sql`select key from perdura.unique_lock order by key`;
  assertEquals(keys.map(({ key }) => key), ["debug.noop live", "debug.noop window"]);
});

Deno.test("uniqueAction() by state of the holder and rule", () => {
  const waiting: JobState[] = ["pending", "scheduled", "retry"];
  const ended: JobState[] = ["succeeded", "dead_letter", "cancelled"];
  const action = (state: JobState | null, given: Partial<Rule>, isWithin = false, waits = false) =>
    uniqueAction(uniqueSchema.parse({ key: "k", ...given }), { state, isWithin, waits });
  const window = { scope: "window", windowMs: 1 } as const;
  for (const state of waiting) {
    for (const onWaiting of ["keep", "replace", "replaceKeepRunAt"] as const) {
      assertEquals(action(state, { onWaiting }), onWaiting);
      assertEquals(action(state, { onWaiting, ...window }, true), onWaiting);
      assertEquals(action(state, { onWaiting, ...window }, false), "take");
    }
    assertEquals(action(state, { onRunning: "runAgain" }, false, true), "replaceKeepRunAt");
    assertEquals(action(state, { onWaiting: "replace" }, false, true), "replaceKeepRunAt");
    assertEquals(action(state, {}, false, true), "keep");
  }
  assertEquals(action("running", {}), "keep");
  assertEquals(action("running", { onRunning: "enqueue" }), "take");
  assertEquals(action("running", { onRunning: "runAgain" }), "follow");
  for (const state of [...ended, null]) assertEquals(action(state, {}), "take");
  for (const state of ended) assertEquals(action(state, window, true), "keep");
  assertEquals(action(null, window, true), "take");
});

Deno.test("what contradicts itself is refused by its path", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const cases: readonly [Record<string, unknown>, string][] = [
    [{ unique: { key: "" } }, "unique.key"],
    [{ unique: { key: "k", scope: "window" } }, "unique.windowMs"],
    [{ unique: { key: "k", windowMs: 5 } }, "unique.windowMs"],
    [{ unique: { key: "k", onRunning: "twice" } }, "unique.onRunning"],
    [{ unique: { key: "k" }, idempotencyKey: "i" }, "unique"],
    [{ unique: { key: "k" }, orderingKey: "o" }, "unique"],
    [{ unique: { key: "k" }, limitKey: "l" }, "unique"],
    [{ metadata: { uniqueKey: "k" } }, "metadata.uniqueKey"],
  ];
  for (const [more, path] of cases) {
    const error = await assertRejects(
      () => jobs.enqueueUnchecked({ type: "debug.noop", ...more }),
      InvalidInputError,
    );
    assertEquals(error.issues.map((issue) => issue.path), [path]);
  }
  const batch = [{ type: "debug.noop" }, { type: "debug.noop", unique: { key: "k" } }];
  const error = await assertRejects(() => jobs.enqueueMany(batch), InvalidInputError);
  assertEquals(error.issues.map(({ path }) => path), ["jobs.1.unique"]);
  assertEquals((await db.sql`select from perdura.job`).length, 0);
});

Deno.test("an edit keeps the key, may say it again, and gives no other", async () => {
  await using db = await testDatabase();
  const jobs = jobsOn(db);
  const unique = await jobs.enqueueUnchecked({
    ...{ type: "debug.noop", delayMs: 60_000, unique: { key: "k" } },
  });
  const plain = await jobs.enqueueUnchecked({ type: "debug.noop", delayMs: 60_000 });
  const edited = async (id: string, metadata: Record<string, unknown>) =>
    (await jobs.edit(id, { metadata }, options)).metadata;
  assertEquals(await edited(unique.id, { a: 1 }), { a: 1, uniqueKey: "k" });
  assertEquals(await edited(unique.id, { a: 2, uniqueKey: "k" }), { a: 2, uniqueKey: "k" });
  for (const { id } of [unique, plain]) {
    const error = await assertRejects(() => edited(id, { uniqueKey: "other" }), InvalidInputError);
    assertEquals(error.issues.map(({ path }) => path), ["metadata.uniqueKey"]);
  }
});
