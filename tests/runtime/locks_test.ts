/** `context.lock`: one holder, rising tokens, lost when its time is over. */
import { assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { systemClock } from "../../src/core/clock.ts";
import { LockTakenError, PermanentError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/id.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { Locks } from "../../src/runtime/locks.ts";
import { openStore } from "../../src/store/open.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

function locksOf(db: TestDatabase, tenantId = "default", signal = new AbortController().signal) {
  const holder = { tenantId, id: newId(), worker: newId() };
  return new Locks({ store: db.store.locks, clock: systemClock }, holder, signal);
}

Deno.test("a lock has one holder at a time, of its tenant; the next one has a higher token", async () => {
  await using db = await testDatabase();
  const [a, b] = [locksOf(db), locksOf(db)];
  const first = await a.take("l");
  await assertRejects(() => b.take("l"), LockTakenError);
  await using _other = await locksOf(db, "another").take("l");
  await using _third = await b.take("m");
  const waiting = b.take("l", { waitMs: 10_000 });
  await first.release();
  await using second = await waiting;
  assertEquals(second.token > first.token, true);
  await first.release();
  await assertRejects(() => a.take("l"), LockTakenError);
});

Deno.test("a lock is renewed; one that was taken over is lost, and leaves the new one alone", async () => {
  await using db = await testDatabase();
  const lock = await locksOf(db).take("l", { ttlMs: 9_000 });
  const [before] = await db.sql`select expires_at from perdura.lock`;
  await eventually("it is renewed", async () => {
    const [now] = await db.sql`select expires_at from perdura.lock`;
    return now?.expires_at > before?.expires_at;
  });
  assertEquals(lock.signal.aborted, false);
  await db.sql`update perdura.lock set expires_at = now() - interval '1 second'`;
  await using next = await locksOf(db).take("l");
  await eventually("the first has noticed", () => Promise.resolve(lock.signal.aborted));
  await lock.release();
  assertEquals((await db.sql`select token::int from perdura.lock`)[0]?.token, next.token);
});

Deno.test("the end of an attempt gives its locks back; of one that was given up, they run out", async () => {
  await using db = await testDatabase();
  const [ended, abandoned] = [locksOf(db), locksOf(db)];
  await ended.take("a");
  const kept = await abandoned.take("b");
  ended.end(false);
  abandoned.end(true);
  assertEquals(kept.signal.aborted, true);
  await eventually(
    "the first is free",
    async () => (await db.sql`select from perdura.lock where name = 'a'`).length === 0,
  );
  assertEquals((await db.sql`select from perdura.lock where name = 'b'`).length, 1);
});

Deno.test("a job whose lock is taken waits for it, and spends no attempt", async () => {
  await using db = await testDatabase();
  const isFree = Promise.withResolvers<void>();
  const careful = defineHandler({
    type: "careful",
    input: z.object({ holds: z.boolean() }),
    retry: { maxAttempts: 1 },
    handle: async ({ holds }, { lock }) => {
      await using _held = await lock("l");
      if (holds) await isFree.promise;
    },
  });
  await using w = testWorker(db, [careful]);
  const first = await w.jobs.enqueueUnchecked({ type: "careful", payload: { holds: true } });
  await eventually("it is held", async () => (await db.sql`select from perdura.lock`).length === 1);
  const second = await w.run("careful", { holds: false }, "scheduled", "dead_letter");
  assertEquals([second.state, second.attempt, second.lastError], ["scheduled", 0, null]);
  const history = await db.store.history(second, 0, 10);
  assertEquals(history.at(-1)?.cause, "lock_taken");
  isFree.resolve();
  for (const { id } of [first, second]) {
    assertEquals((await w.reach(id, "succeeded", "dead_letter")).state, "succeeded");
  }
});

Deno.test("that a lock cannot be asked for, or given back, is no failure of the job", async () => {
  await using db = await testDatabase();
  const store = openStore({ url: db.url, lockTimeoutMs: 100 });
  await using _opened = { [Symbol.asyncDispose]: () => store.close() };
  /** Nobody gets at the locks meanwhile. */
  const lockedOut = (work: () => Promise<void>) =>
    db.sql.begin(async (tx) => {
      await tx`lock table perdura.lock`;
      await work();
    });
  let asked = 0;
  let done = 0;
  const mayEnd = Promise.withResolvers<void>();
  const careful = defineHandler({
    type: "careful",
    input: z.unknown(),
    retry: { maxAttempts: 1 },
    handle: async (_, { lock }) => {
      asked++;
      await using _held = await lock("l");
      await mayEnd.promise;
      done++;
    },
  });
  await using w = testWorker({ ...db, store }, [careful]);
  let id = "";
  const isDead = async () => (await w.jobs.get(null, id)).state === "dead_letter";
  await lockedOut(async () => {
    id = (await w.jobs.enqueueUnchecked({ type: "careful" })).id;
    await eventually("it asks again", async () => asked > 1 || await isDead());
  });
  await eventually("it has the lock", async () => {
    return (await db.sql`select from perdura.lock`).length === 1 || await isDead();
  });
  await lockedOut(async () => {
    mayEnd.resolve();
    await w.reach(id, "succeeded", "dead_letter");
  });
  const { state, attempt, lastError } = await w.jobs.get(null, id);
  assertEquals([state, attempt, lastError, done], ["succeeded", 1, null, 1]);
});

Deno.test("who asks again for a lock that it holds is told so for good, and may have it once it is given back", async () => {
  await using db = await testDatabase();
  const [a, b] = [locksOf(db), locksOf(db)];
  const lock = await a.take("l");
  for (const waitMs of [0, 1]) {
    await assertRejects(() => a.take("l", { waitMs }), PermanentError, 'holds lock "l" already');
  }
  await assertRejects(() => b.take("l"), LockTakenError, "held by another attempt");
  await lock.release();
  await using _again = await a.take("l");
});

Deno.test("a handler that waits for its own lock is a dead letter, not run again for ever", async () => {
  await using db = await testDatabase();
  const twice = defineHandler({
    type: "twice",
    input: z.object({}),
    handle: async (_, { lock }) => {
      await using _held = await lock("l");
      await lock("l");
    },
  });
  await using w = testWorker(db, [twice]);
  const job = await w.run("twice", {}, "scheduled", "dead_letter");
  assertEquals([job.state, job.lastError?.name], ["dead_letter", "PermanentError"]);
});

Deno.test("odd names and times of locks are refused", async () => {
  await using db = await testDatabase();
  const locks = locksOf(db);
  for (
    const [name, options] of [["", {}], ["a b", {}], ["l", { ttlMs: 1 }], ["l", {
      waitMs: -1,
    }]] as const
  ) {
    await assertRejects(() => locks.take(name, options));
  }
  assertEquals((await db.sql`select from perdura.lock`).length, 0);
});
