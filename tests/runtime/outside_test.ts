/** Workers outside that are late, double, or lie: one ending counts, one lease is touched, one answer is true. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { systemClock } from "../../src/core/clock.ts";
import {
  LeaseLostError,
  TransitionRejectedError,
  VersionConflictError,
} from "../../src/core/errors.ts";
import { describeError } from "../../src/core/failure.ts";
import { newId } from "../../src/core/id.ts";
import { GRACE_MS } from "../../src/core/limits.ts";
import { over } from "../../src/core/over.ts";
import type { Ending } from "../../src/runtime/endings.ts";
import { defineHandler, indexHandlers } from "../../src/runtime/handlers.ts";
import { Jobs } from "../../src/runtime/jobs.ts";
import { sweep } from "../../src/runtime/sweeper.ts";
import type { Store } from "../../src/store/store.ts";
import { buildJob, changeFor, claimAll, eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

const fragile = defineHandler({
  type: "fragile",
  input: z.unknown(),
  breaker: { failures: 3, windowMs: 60_000, openMs: 60_000 },
  handle: () => null,
});

const interrupted: Ending = { kind: "interrupted" };
const at = (ifVersion: number) => ({ tenantId: null, ifVersion });

function clientOf(store: Store): Jobs {
  const backoff = { baseMs: 60_000, factor: 1, capMs: 60_000 };
  const defaults = { maxAttempts: 3, maxCrashes: 3, backoff };
  return new Jobs({ store, handlers: indexHandlers([fragile]), clock: systemClock, defaults });
}

/** A job of a type, claimed from outside: version 2. */
async function claimOne(jobs: Jobs, type = "fragile"): Promise<string> {
  const row = buildJob({ type });
  await jobs.host.store.insert([row]);
  await jobs.claim(row.id, at(1), { worker: null, leaseMs: 30_000 });
  return row.id;
}

async function expireAll({ sql }: TestDatabase): Promise<void> {
  await sql`update perdura.lease set expires_at = now() - interval '1 second'`;
}

Deno.test("of fifty failures told under one version one is committed, and its breaker hears of one", async () => {
  await using db = await testDatabase();
  const jobs = clientOf(db.store);
  const id = await claimOne(jobs);
  const error = { ...describeError("the upstream is away", new Date()), retryable: true };
  const failed: Ending = { kind: "failed", error, retryable: true, delayMs: null };
  const told = await Promise.allSettled(
    Array.from({ length: 50 }, () => jobs.end(id, at(2), failed)),
  );
  const late = told.filter(({ status }) => status === "rejected");
  assertEquals([told.length, late.length], [50, 49]);
  for (const answer of late) {
    const { reason } = answer as PromiseRejectedResult;
    assert(
      reason instanceof VersionConflictError || reason instanceof TransitionRejectedError,
      reason,
    );
  }
  const [breaker] = await db.store.breakers.read([{
    tenantId: null,
    kind: "type",
    name: "fragile",
  }]);
  assertEquals([breaker?.state, breaker?.context.failedAt.length], ["closed", 1]);
});

Deno.test("of two successes told under one version, the one whose output is not stored is refused", async () => {
  await using db = await testDatabase();
  const jobs = clientOf(db.store);
  for (let round = 0; round < 10; round++) {
    const id = await claimOne(jobs);
    const outputs = ["1", "2", "3", "4"];
    const told = await Promise.allSettled(
      outputs.map((output) => jobs.end(id, at(2), { kind: "succeeded", output })),
    );
    const won = told.flatMap((answer, n) => answer.status === "fulfilled" ? [outputs[n]] : []);
    assertEquals(won, [JSON.stringify((await jobs.get(null, id)).output)]);
  }
});

Deno.test("a renewal is of a lease that holds the job alone; what a batch holds is left to its worker", async () => {
  await using db = await testDatabase();
  const jobs = clientOf(db.store);
  const [mine, theirs] = [buildJob({ tenantId: "a" }), buildJob({ tenantId: "b" })];
  await db.store.insert([mine, theirs]);
  assertEquals((await claimAll(db.store, 2)).length, 2);
  const leases = () => db.sql`select id, expires_at from perdura.lease order by id`;
  const before = await leases();
  assertEquals(before.length, 1);
  for (const tenantId of ["a", null]) {
    const renew = () => jobs.renew(mine.id, { tenantId, ifVersion: 2 }, 3_600_000);
    await assertRejects(renew, TransitionRejectedError, "together with others");
  }
  assertEquals(await leases(), before);
  // Not even once the others have ended: it is the lease of that worker.
  const ended = { kind: "succeeded", output: "null" } as const;
  await jobs.end(theirs.id, at(2), ended);
  await assertRejects(() => jobs.renew(mine.id, at(2), 30_000), TransitionRejectedError);
  await jobs.end(mine.id, at(2), ended);
  const own = await claimOne(jobs);
  const [one] = await leases();
  const { leaseUntil } = await jobs.renew(own, at(2), 600_000);
  assert(leaseUntil !== null && Date.parse(leaseUntil) > one?.expires_at.getTime());
  await expireAll(db);
  await assertRejects(() => jobs.renew(own, at(2), 30_000), LeaseLostError);
});

Deno.test("a claim from outside is for no longer than a renewal: the timeout of the job and its grace", async () => {
  await using db = await testDatabase();
  const jobs = clientOf(db.store);
  // The second passes the gates, which is another statement.
  for (const orderingKey of [null, "one"]) {
    const row = buildJob({ timeoutMs: 1_000, orderingKey });
    await db.store.insert([row]);
    await jobs.claim(row.id, at(1), { worker: null, leaseMs: 3_600_000 });
    const [lease] = await db.sql`
      select extract(epoch from expires_at - claimed_at) * 1000 as ms, expires_at <= hard_until as ends
        from perdura.lease where ids = array[${row.id}]::uuid[]`;
    assertEquals([Number(lease?.ms), lease?.ends], [1_000 + GRACE_MS, true]);
  }
});

Deno.test("what an ending is answered with is its own, though the job has been taken since", async () => {
  await using db = await testDatabase();
  const store = over(db.store, {
    commit: async (worker, changes) => {
      const refusals = await db.store.commit(worker, changes);
      assertEquals((await claimAll(db.store, 1)).length, 1);
      return refusals;
    },
  });
  const jobs = clientOf(store);
  const id = await claimOne(jobs);
  const job = await jobs.end(id, at(2), interrupted);
  assertEquals([job.state, job.version, job.attempt, job.leaseOwner], ["pending", 3, 0, null]);
  assertEquals((await jobs.get(null, id)).version, 4);
});

Deno.test("a claim that was over before its answer was read is refused: its version is another's fence", async () => {
  await using db = await testDatabase();
  const claimNamed: Store["claimNamed"] = async (...of) => {
    assertEquals(await db.store.claimNamed(...of), true);
    await expireAll(db);
    await sweep({ store: db.store, clock: systemClock, sweeper: newId() });
    const [again] = await claimAll(db.store, 1);
    assertEquals(again?.version, 4);
    return true;
  };
  const jobs = clientOf(over(db.store, { claimNamed }));
  await assertRejects(() => claimOne(jobs, "debug.noop"), VersionConflictError, "but it is 4");
});

Deno.test("a hint that a job has ended, come late, does not stop the attempt that runs by then", async () => {
  await using db = await testDatabase();
  const finish = Promise.withResolvers<void>();
  let starts = 0;
  const held = defineHandler({
    type: "held",
    input: z.unknown(),
    handle: async () => {
      starts++;
      await finish.promise;
      return "done";
    },
  });
  await using w = testWorker(db, [held]);
  const { id } = await w.jobs.enqueueUnchecked({ type: "held", payload: {} });
  await w.reach(id, "running");
  await eventually("its start", () => Promise.resolve(starts === 1));
  db.store.hint({ kind: "ended", ids: [id] });
  // In its own process a hint is heard in the next microtask.
  await Promise.resolve();
  finish.resolve();
  const job = await w.reach(id, "succeeded");
  assertEquals([job.version, job.attempt, job.crashes, starts], [3, 1, 0, 1]);
});

Deno.test("an attempt whose job was handed back from outside is stopped, and runs anew", async () => {
  await using db = await testDatabase();
  const reasons: unknown[] = [];
  const held = defineHandler({
    type: "held",
    input: z.unknown(),
    handle: (_, { job, signal }) => {
      if (job.version > 2) return "done";
      return new Promise((_, fail) => {
        signal.addEventListener("abort", () => {
          reasons.push(signal.reason.message);
          fail(signal.reason);
        });
      });
    },
  });
  await using w = testWorker(db, [held]);
  const { id } = await w.jobs.enqueueUnchecked({ type: "held", payload: {} });
  await w.reach(id, "running");
  await w.jobs.end(id, at(2), interrupted);
  const job = await w.reach(id, "succeeded");
  await eventually("the old attempt's end", () => Promise.resolve(reasons.length === 1));
  assertEquals([job.version, job.attempt, job.crashes, reasons], [5, 1, 0, [
    "Stopped: lease_lost",
  ]]);
});

Deno.test("commit() as one of many is its own only after a lost answer", async () => {
  await using db = await testDatabase();
  await db.store.insert([buildJob()]);
  const worker = newId();
  const [job] = await claimAll(db.store, 1, { worker });
  assert(job);
  const change = { ...changeFor(job, { type: "SUCCEED" }), isOneOfMany: true };
  assertEquals(await db.store.commit(worker, [change]), []);
  assertEquals((await db.store.commit(worker, [change]))[0]?.reason, "lost");
  assertEquals(await db.store.commit(worker, [{ ...change, isOneOfMany: false }]), []);
});
