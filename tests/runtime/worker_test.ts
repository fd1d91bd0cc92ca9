/** A worker at work: what handlers may do, and what they do to it. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { PermanentError } from "../../src/core/errors.ts";
import { giveUp, retryAfter, snooze } from "../../src/core/outcome.ts";
import type { HandlerContext } from "../../src/runtime/context.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { openStore } from "../../src/store/open.ts";
import { Proxy as TcpProxy } from "../support/proxy.ts";
import { type TestWorker, testWorker } from "../support/worker.ts";

/** A handler made of a function of the context. */
function handler(handle: (context: HandlerContext) => unknown, more: object = {}) {
  return defineHandler({ type: "t", input: z.unknown(), handle: (_, c) => handle(c), ...more });
}

/** Ends when it is asked to. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** Why a job has been handed back, each time. */
async function causesOf(w: TestWorker, id: string) {
  const steps = await w.jobs.history(null, id, 0, 20);
  return steps.filter(({ event }) => event === "INTERRUPTED").map(({ cause }) => cause);
}

Deno.test("a job runs once and its output, history and lease are right", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [handler(({ job }) => ({ saw: job.attempt }))]);
  const job = await w.run("t", {});
  assertEquals([job.state, job.version, job.output], ["succeeded", 3, { saw: 1 }]);
  const events = (await w.jobs.history(null, job.id, 0, 10)).map((t) => [t.version, t.event]);
  assertEquals(events, [[1, "ENQUEUE"], [2, "CLAIM"], [3, "SUCCEED"]]);
  await eventually(
    "no lease is left",
    async () => (await db.sql`select from perdura.lease`).length === 0,
  );
});

Deno.test("a failing job is retried until its attempts are used up", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [handler(() => {
    throw Object.assign(new TypeError("no"), { code: "E_NO" });
  })]);
  const job = await w.run("t", {});
  assertEquals([job.state, job.attempt], ["dead_letter", 3]);
  assertEquals([job.lastError?.name, job.lastError?.message, job.lastError?.code], [
    "TypeError",
    "no",
    "E_NO",
  ]);
  const events = (await w.jobs.history(null, job.id, 0, 20)).map((t) => t.event);
  assertEquals(events, ["ENQUEUE", "CLAIM", "FAIL", "CLAIM", "FAIL", "CLAIM", "FAIL"]);
});

Deno.test("errors and return values choose the way: permanent, give up, retry after, snooze", async () => {
  await using db = await testDatabase();
  const ways = {
    permanent: () => {
      throw new PermanentError("never");
    },
    give_up: () => giveUp("no use"),
    retry_after: ({ job }: HandlerContext) => job.attempt === 1 ? retryAfter(1, "busy") : "ok",
    snooze: ({ job, idempotencyKey }: HandlerContext) =>
      seen.add(idempotencyKey) && seenTwice(job.id) ? "ok" : snooze(1),
  };
  const seen = new Set<string>();
  const counts = new Map<string, number>();
  const seenTwice = (id: string) => counts.set(id, (counts.get(id) ?? 0) + 1).get(id)! > 1;
  await using w = testWorker(
    db,
    Object.entries(ways).map(([type, handle]) =>
      defineHandler({ type, input: z.unknown(), handle: (_, c) => handle(c) })
    ),
  );
  const [permanent, gaveUp, later, snoozed] = await Promise.all(
    Object.keys(ways).map((type) => w.run(type, {})),
  );
  assertEquals([permanent?.state, permanent?.attempt], ["dead_letter", 1]);
  assertEquals([gaveUp?.state, gaveUp?.lastError?.message], ["dead_letter", "no use"]);
  assertEquals([later?.state, later?.attempt, later?.version], ["succeeded", 2, 5]);
  assertEquals([snoozed?.state, snoozed?.attempt, snoozed?.version], ["succeeded", 1, 5]);
  assertEquals(seen.size, 1, "the idempotency key is the same in every attempt");
});

Deno.test("a retry policy sees the error, and one that throws is passed over", async () => {
  await using db = await testDatabase();
  const fail = () => {
    throw new Error("gone");
  };
  await using w = testWorker(db, [
    defineHandler({ type: "a", input: z.unknown(), handle: fail, retry: { on: () => "give_up" } }),
    defineHandler({
      type: "b",
      input: z.unknown(),
      handle: fail,
      retry: {
        maxAttempts: 2,
        on: () => {
          throw new Error("policy");
        },
      },
    }),
  ]);
  assertEquals((await w.run("a", {})).attempt, 1);
  assertEquals((await w.run("b", {})).attempt, 2);
});

Deno.test("hostile handlers are recorded as bounded text, and the worker lives", async () => {
  await using db = await testDatabase();
  const hostile: Record<string, () => unknown> = {
    string: () => {
      throw "just text";
    },
    undefined: () => {
      throw undefined;
    },
    huge: () => {
      throw new Error("x".repeat(10_000_000));
    },
    nul: () => {
      throw new Error("a\0b\ud800c");
    },
    proxy: () => {
      throw new Proxy({}, {
        get() {
          throw new Error("trap");
        },
      });
    },
    getter: () => {
      throw {
        get message() {
          throw new Error("trap");
        },
      };
    },
    bigint: () => 10n,
    cycle: () => {
      const a: Record<string, unknown> = {};
      a.a = a;
      return a;
    },
    nulOutput: () => ({ text: "a\0b" }),
    hugeOutput: () => "y".repeat(2_000_000),
    thenThrows: () => ({
      then() {
        throw new Error("then");
      },
    }),
    rejectsLate: () => {
      Promise.reject(new Error("late")).catch(() => {});
      return "ok";
    },
  };
  await using w = testWorker(db, [
    ...Object.entries(hostile).map(([type, handle]) =>
      defineHandler({ type, input: z.unknown(), handle, retry: { maxAttempts: 1 } })
    ),
    handler(() => "fine"),
  ]);
  for (const type of Object.keys(hostile)) {
    const job = await w.run(type, {});
    assertEquals(job.state, type === "rejectsLate" ? "succeeded" : "dead_letter", type);
    assert(JSON.stringify(job.lastError).length <= 4096, type);
  }
  assertEquals((await w.run("t", {})).state, "succeeded");
});

Deno.test("a handler that never settles fails at its timeout; its slot is free again", async () => {
  await using db = await testDatabase();
  const stuck = handler(() => new Promise(() => {}), { timeoutMs: 50, retry: { maxAttempts: 1 } });
  const fine = defineHandler({ type: "fine", input: z.unknown(), handle: () => "ok" });
  await using w = testWorker(db, [stuck, fine], { concurrency: 1 });
  const job = await w.run("t", {});
  assertEquals([job.state, job.lastError?.code], ["dead_letter", "timeout"]);
  assertEquals((await w.run("fine", {})).state, "succeeded");
  assertEquals(w.worker.stats.abandoned, 1);
});

Deno.test("a handler that listens to its signal stops at its timeout", async () => {
  await using db = await testDatabase();
  let reason: unknown;
  const polite = handler(
    ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => {
          reason = signal.reason;
          reject(signal.reason);
        })
      ),
    { timeoutMs: 50, retry: { maxAttempts: 1 } },
  );
  await using w = testWorker(db, [polite]);
  assertEquals((await w.run("t", {})).lastError?.code, "timeout");
  assert(reason instanceof DOMException);
  assertEquals(w.worker.stats.abandoned, 0);
});

Deno.test("a handler that looks at its signal only after it was stopped learns why", async () => {
  await using db = await testDatabase();
  const listens = Promise.withResolvers<void>();
  const works = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const told = Promise.withResolvers<unknown>();
  const listening = handler(({ signal }) => {
    listens.resolve();
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        stopped.resolve();
        reject(signal.reason);
      })
    );
  });
  const late = handler(async (context) => {
    works.resolve();
    await stopped.promise;
    told.resolve(context.signal.reason);
    context.signal.throwIfAborted();
  }, { type: "late" });
  const w = testWorker(db, [listening, late]);
  await w.jobs.enqueue({ type: "t" });
  await w.jobs.enqueue({ type: "late" });
  await Promise.all([listens.promise, works.promise]);
  await w.worker.stop();
  assertEquals(Object(await told.promise).message, "Stopped: shutdown");
});

Deno.test("a payload that no longer fits its handler goes straight to dead_letter", async () => {
  await using db = await testDatabase();
  const before = testWorker(db, [handler(() => "ran")], { queues: ["nobody"] });
  const { id } = await before.jobs.enqueue({ type: "t", payload: { old: true } });
  await before.worker.stop();
  const strict = z.strictObject({ fresh: z.boolean() });
  await using w = testWorker(db, [
    defineHandler({ type: "t", input: strict, handle: () => "ran" }),
  ]);
  const job = await w.reach(id, "dead_letter", "succeeded");
  assertEquals([job.state, job.attempt, job.lastError?.code], ["dead_letter", 1, "invalid_input"]);
});

Deno.test("a step runs once: a later attempt gets its stored result", async () => {
  await using db = await testDatabase();
  let ran = 0;
  await using w = testWorker(db, [handler(async ({ step, job }) => {
    const first = await step("first", () => ({ n: ++ran }));
    if (job.attempt < 3) throw new Error("again");
    return first;
  })]);
  const job = await w.run("t", {});
  assertEquals([job.output, ran, job.attempt], [{ n: 1 }, 1, 3]);
});

Deno.test("a transaction is the success of its job: what the handler does later changes nothing", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [handler(async ({ transaction, job }) => {
    await transaction(async (sql) => {
      await sql`insert into debug_effect (key, job_id, attempt) values ('k', ${job.id}, 1)`;
      return { done: true };
    });
    throw new Error("too late");
  })]);
  const job = await w.run("t", {});
  assertEquals([job.state, job.output], ["succeeded", { done: true }]);
  assertEquals((await db.sql`select from debug_effect`).length, 1);
});

Deno.test("a failed transaction fails the attempt, even when the handler swallows it", async () => {
  await using db = await testDatabase();
  await using w = testWorker(db, [handler(async ({ transaction, job }) => {
    await transaction(async (sql) => {
      await sql`insert into debug_effect (key, job_id, attempt) values ('k', ${job.id}, 1)`;
      throw new Error("inside");
    }).catch(() => {});
    return "all fine";
  }, { retry: { maxAttempts: 1 } })]);
  const job = await w.run("t", {});
  assertEquals([job.state, job.lastError?.message], ["dead_letter", "inside"]);
  assertEquals((await db.sql`select from debug_effect`).length, 0);
});

Deno.test("progress is stored while the handler runs, the latest last", async () => {
  await using db = await testDatabase();
  let finish = () => {};
  const gate = new Promise<void>((done) => finish = done);
  await using w = testWorker(db, [handler(async ({ progress }) => {
    for (let n = 1; n <= 50; n++) progress({ n });
    await gate;
  })]);
  const { id } = await w.jobs.enqueue({ type: "t" });
  await eventually(
    "the latest progress is stored",
    async () => JSON.stringify((await w.jobs.get(null, id)).progress) === '{"n":50}',
  );
  finish();
  assertEquals((await w.reach(id, "succeeded")).progress, { n: 50 });
});

Deno.test("a cancelled handler gets its signal, and the job ends cancelled by user", async () => {
  await using db = await testDatabase();
  let started = () => {};
  const isRunning = new Promise<void>((done) => started = done);
  await using w = testWorker(db, [handler(({ signal }) => {
    started();
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  })]);
  const { id } = await w.jobs.enqueue({ type: "t" });
  await isRunning;
  const options = { tenantId: null, ifVersion: null, cause: "test" };
  const sent = await w.jobs.send(id, { type: "CANCEL" }, options);
  assertEquals([sent.isPending, sent.job.version], [true, 2]);
  const job = await w.reach(id, "cancelled");
  assertEquals(job.lastError?.message, "Cancelled by user");
  const [, , last] = await w.jobs.history(null, id, 0, 10);
  assertEquals([last?.event, last?.to], ["FAIL", "cancelled"]);
});

Deno.test("stop() hands back what runs with its attempt refunded, and another worker takes it", async () => {
  await using db = await testDatabase();
  let runs = 0;
  const slow = handler(({ signal }) => {
    if (++runs > 1) return "second";
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  });
  const first = testWorker(db, [slow]);
  const { id } = await first.jobs.enqueue({ type: "t" });
  await first.reach(id, "running");
  await first.worker.stop();
  const back = await first.reach(id, "pending");
  assertEquals([back.state, back.attempt, back.leaseOwner], ["pending", 0, null]);
  assertEquals(await causesOf(first, id), ["shutdown"]);
  await using second = testWorker(db, [slow]);
  const done = await second.reach(id, "succeeded");
  assertEquals([done.attempt, done.crashes], [1, 0]);
});

Deno.test("a job goes back with the cause that its lease was over", async () => {
  await using db = await testDatabase();
  let runs = 0;
  const waiting = handler(({ signal }) => ++runs > 1 ? "second" : aborted(signal));
  await using w = testWorker(db, [waiting], { leaseMs: 3_000, sweepMs: 60_000 });
  const { id } = await w.jobs.enqueue({ type: "t" });
  await w.reach(id, "running");
  await db.sql`update perdura.lease set expires_at = now() - interval '1 second'`;
  const done = await w.reach(id, "succeeded");
  assertEquals([done.attempt, await causesOf(w, id)], [1, ["lease_lost"]]);
});

Deno.test("a job goes back with the cause that the database did not answer", async () => {
  await using db = await testDatabase();
  await using proxy = new TcpProxy(new URL(db.url));
  const store = openStore({ url: proxy.url });
  await using _store = { [Symbol.asyncDispose]: () => store.close() };
  const stopped = Promise.withResolvers<unknown>();
  let runs = 0;
  const waiting = handler(({ signal }) => {
    if (++runs > 1) return "second";
    signal.addEventListener("abort", () => stopped.resolve(signal.reason));
    return aborted(signal);
  });
  await using w = testWorker({ ...db, store }, [waiting], { leaseMs: 1_000, sweepMs: 60_000 });
  const { id } = await w.jobs.enqueue({ type: "t" });
  await w.reach(id, "running");
  proxy.mode = "refuse";
  proxy.cutAll();
  await stopped.promise;
  proxy.mode = "forward";
  const done = await eventually("it has run again", async () => {
    const job = await db.store.get(null, id);
    return job?.state === "succeeded" && job;
  });
  assertEquals([done.attempt, await causesOf(w, id)], [1, ["unavailable"]]);
});

Deno.test("a worker takes only its types, queues and partition", async () => {
  await using db = await testDatabase();
  const known = handler(() => "ok");
  const other = defineHandler({ type: "other", input: z.unknown(), handle: () => "ok" });
  await using all = testWorker(db, [known, other], { queues: ["none"] });
  await using w = testWorker(db, [known], { queues: ["a"], partitionKey: "p" });
  const make = (type: string, queue: string, partitionKey: string) =>
    all.jobs.enqueue({ type, queue, partitionKey });
  const mine = await make("t", "a", "p");
  const others = [
    await make("other", "a", "p"),
    await make("t", "b", "p"),
    await make("t", "a", "q"),
  ];
  await w.reach(mine.id, "succeeded");
  await w.jobs.enqueue({ type: "t", queue: "a", partitionKey: "p" }).then(({ id }) =>
    w.reach(id, "succeeded")
  );
  for (const { id } of others) assertEquals((await w.jobs.get(null, id)).state, "pending");
});

Deno.test("ten thousand jobs of mixed fate all end, and the counters agree", async () => {
  const count = Deno.env.get("TEST_SIZE") === "long" ? 50_000 : 5_000;
  await using db = await testDatabase();
  await using w = testWorker(db, [
    defineHandler({
      type: "mixed",
      input: z.object({ n: z.int() }),
      handle: ({ n }, { job }) => {
        if (n % 10 === 0 && job.attempt === 1) throw new Error("once");
        return n % 7 === 0 ? new Promise((done) => setTimeout(done, 5)) : n;
      },
    }),
  ], { batchSize: 1000, concurrency: 100 });
  for (let at = 0; at < count; at += 1000) {
    const jobs = Array.from(
      { length: 1000 },
      (_, n) => ({ type: "mixed", payload: { n: at + n } }),
    );
    await w.jobs.enqueueMany(jobs);
  }
  await eventually("all have succeeded", async () => {
    const done = (await w.jobs.counts(null)).find((c) => c.state === "succeeded");
    return done?.count === count;
  });
  const [row] = await db.sql`
    select count(*)::int as n, count(*) filter (where attempt = 2)::int as retried
      from perdura.job_archive`;
  assertEquals({ ...row }, { n: count, retried: count / 10 });
  // What was held for too long on a slow machine went back, and was claimed once more.
  const [history] = await db.sql`
    select count(*)::int as n, count(*) filter (where event =
             (select code from perdura.event_name where name = 'INTERRUPTED'))::int as back
      from perdura.history`;
  assertEquals(history?.n - 2 * history?.back, 3 * count + 2 * count / 10);
  assertEquals(w.worker.stats.fenced, 0);
});

Deno.test("a worker that has stopped before it heard hints hears none afterwards", async () => {
  await using db = await testDatabase();
  const begun = Promise.withResolvers<void>();
  let isEnded = false;
  const onHint = db.store.onHint.bind(db.store);
  Object.assign(db.store, {
    onHint: async (listener: Parameters<typeof onHint>[0]) => {
      await begun.promise;
      const stop = await onHint(listener);
      return async () => {
        await stop();
        isEnded = true;
      };
    },
  });
  {
    await using _runtime = testWorker(db, [], { shutdownMs: 200 });
  }
  begun.resolve();
  await eventually("its subscription is ended", () => Promise.resolve(isEnded));
});
