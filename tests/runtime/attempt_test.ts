/** What an attempt must not do to its worker, and what the database must not do to an attempt. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import type { HandlerContext } from "../../src/runtime/context.ts";
import { limits } from "../../src/core/limits.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { buildJob, eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

function handler(type: string, handle: (context: HandlerContext) => unknown) {
  return defineHandler({ type, input: z.unknown(), handle: (_, context) => handle(context) });
}

const fine = handler("fine", () => "ok");

function isSleeping(db: TestDatabase) {
  return db.sql`
    select pid from pg_stat_activity
     where datname = current_database() and query like '%pg_sleep%' and pid <> pg_backend_pid()`;
}

Deno.test("a handler that hangs after its transaction gives its slot back", async () => {
  await using db = await testDatabase();
  const hanging = handler("hanging", async ({ transaction }) => {
    await transaction(async (sql) => {
      await sql`select 1`;
      return "done";
    });
    await new Promise(() => {});
  });
  await using w = testWorker(db, [hanging, fine], { concurrency: 2, leaseMs: 9_000 });
  const stuck = [
    await w.jobs.enqueue({ type: "hanging" }),
    await w.jobs.enqueue({ type: "hanging" }),
  ];
  for (const { id } of stuck) assertEquals((await w.reach(id, "succeeded")).output, "done");
  assertEquals((await w.run("fine", {})).state, "succeeded");
});

Deno.test("thousands of payloads that do not fit go to dead_letter without a deep stack", async () => {
  await using db = await testDatabase();
  const strict = defineHandler({
    type: "strict",
    input: z.strictObject({ fits: z.literal(true) }),
    handle: () => null,
  });
  await db.store.insert(Array.from({ length: 5000 }, () => buildJob({ type: "strict" })));
  await using w = testWorker(db, [strict, fine], { concurrency: 5000, batchSize: 5000 });
  await eventually("all are dead", async () => {
    const dead = (await w.jobs.counts(null)).find((c) => c.state === "dead_letter");
    return dead?.count === 5000;
  });
  assertEquals((await w.run("fine", {})).state, "succeeded");
});

Deno.test("stop() waits for an open transaction: it is the outcome, or nothing is left running", async () => {
  await using db = await testDatabase();
  const slow = handler("slow", ({ transaction }) =>
    transaction(async (sql) => {
      await sql`select pg_sleep(0.5)`;
      return "written";
    }));
  const w = testWorker(db, [slow], { shutdownMs: 20_000 });
  const { id } = await w.jobs.enqueue({ type: "slow" });
  await eventually("the transaction is open", async () => (await isSleeping(db)).length > 0);
  await w.worker.stop();
  const job = await w.jobs.get(null, id);
  assertEquals([job.state, job.output], ["succeeded", "written"]);
});

Deno.test("a connection that dies under a transaction spends no attempt", async () => {
  await using db = await testDatabase();
  let runs = 0;
  const once = handler("once", ({ transaction }) =>
    transaction(async (sql) => {
      if (++runs === 1) await sql`select pg_sleep(60)`;
      return runs;
    }));
  await using w = testWorker(db, [once]);
  const { id } = await w.jobs.enqueue({ type: "once", maxAttempts: 1 });
  const [sleeper] = await eventually("the transaction is open", async () => {
    const rows = await isSleeping(db);
    return rows.length > 0 && rows;
  });
  await db.sql`select pg_terminate_backend(${sleeper?.pid})`;
  const job = await w.reach(id, "succeeded", "dead_letter");
  assertEquals([job.state, job.attempt, job.crashes, job.output], ["succeeded", 1, 0, 2]);
  const steps = await w.jobs.history(null, id, 0, 10);
  const back = steps.find(({ event }) => event === "INTERRUPTED");
  assertEquals(back?.cause, "unavailable");
});

Deno.test("a transaction whose end waits for a lock on the table of jobs spends no attempt", async () => {
  await using db = await testDatabase();
  let runs = 0;
  const written = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const slow = handler("slow", ({ transaction }) =>
    transaction(async (sql) => {
      await sql`select 1`;
      if (++runs === 1) written.resolve();
      await locked.promise;
      return runs;
    }));
  await using w = testWorker(db, [slow]);
  const { id } = await w.jobs.enqueue({ type: "slow", maxAttempts: 1 });
  await written.promise;
  await db.sql.begin(async (tx) => {
    await tx`lock table perdura.job in exclusive mode`;
    locked.resolve();
    await eventually("the transaction is given up", async () => {
      const sessions = await db.sql`
        select from pg_stat_activity where datname = current_database()
           and application_name like '% transaction' and state <> 'idle'`;
      return sessions.length === 0;
    });
  });
  const job = await w.reach(id, "succeeded", "dead_letter");
  assertEquals([job.state, job.attempt, job.output], ["succeeded", 1, 2]);
});

Deno.test("a statement that nobody waits for, and takes too long, spends an attempt", async () => {
  await using db = await testDatabase();
  let runs = 0;
  const careless = handler("careless", ({ transaction }) =>
    transaction((sql) => {
      if (++runs === 1) sql`select pg_sleep(60)`.catch(() => {});
      return Promise.resolve(runs);
    }));
  await using w = testWorker(db, [careless]);
  const { id } = await w.jobs.enqueue({ type: "careless", maxAttempts: 1 });
  const job = await w.reach(id, "succeeded", "dead_letter");
  assertEquals([job.state, job.attempt], ["dead_letter", 1]);
});

Deno.test("a deferred trigger that takes too long, and fails, spends an attempt", async () => {
  await using db = await testDatabase();
  await db.sql.unsafe(`
    create table public.checked (id int);
    create function public.refuse() returns trigger language plpgsql as $$
      begin perform pg_sleep(6); raise 'refused'; end $$;
    create constraint trigger refuse after insert on public.checked
      deferrable initially deferred for each row execute function public.refuse()`);
  let runs = 0;
  const checked = handler("checked", ({ transaction }) =>
    transaction(async (sql) => {
      if (++runs === 1) await sql`insert into public.checked values (1)`;
      return runs;
    }));
  await using w = testWorker(db, [checked]);
  const { id } = await w.jobs.enqueue({ type: "checked", maxAttempts: 1 });
  const job = await w.reach(id, "succeeded", "dead_letter");
  assertEquals([job.state, job.attempt], ["dead_letter", 1]);
});

Deno.test("steps at once, and one name twice, each run once", async () => {
  await using db = await testDatabase();
  const ran: string[] = [];
  const work = (name: string) => () => {
    ran.push(name);
    return name;
  };
  const steps = handler("steps", async ({ step, job }) => {
    const values = await Promise.all([
      step("a", work("a")),
      step("b", work("b")),
      step("a", work("a")),
    ]);
    if (job.attempt === 1) throw new Error("again");
    return values;
  });
  await using w = testWorker(db, [steps]);
  assertEquals((await w.run("steps", {})).output, ["a", "b", "a"]);
  assertEquals(ran.sort(), ["a", "b"]);
});

Deno.test("a step that throws may be tried again, and one too large is refused", async () => {
  await using db = await testDatabase();
  let tries = 0;
  const steps = handler("steps", async ({ step }) => {
    const flaky = () => {
      if (++tries === 1) throw new Error("first");
      return tries;
    };
    await step("flaky", flaky).catch(() => {});
    const second = await step("flaky", flaky);
    const tooLarge = await step("large", () => "x".repeat(2_000_000)).then(() => false, () => true);
    return { second, tooLarge };
  });
  await using w = testWorker(db, [steps]);
  assertEquals((await w.run("steps", {})).output, { second: 2, tooLarge: true });
});

Deno.test("progress too large is thrown at the handler", async () => {
  await using db = await testDatabase();
  const chatty = handler("chatty", ({ progress }) => {
    try {
      progress("x".repeat(10_000));
    } catch (error) {
      return error instanceof Error ? error.name : "?";
    }
  });
  await using w = testWorker(db, [chatty]);
  const job = await w.run("chatty", {});
  assert(job.output === "PayloadTooLargeError" && job.progress === null);
});

Deno.test("a transaction whose result cannot be stored is a failure for good, and says why", async () => {
  await using db = await testDatabase();
  await db.sql`create table effect (key text)`;
  const results = [{ name: "a\0b" }, 5n, "x".repeat(limits.payloadBytesMax)];
  const odd = results.map((result, n) =>
    handler(`odd${n}`, ({ transaction }) =>
      transaction(async (sql) => {
        await sql`insert into effect values ('done')`;
        return result;
      }))
  );
  await using w = testWorker(db, odd);
  const told = [];
  for (const { type } of odd) {
    const { id } = await w.jobs.enqueue({ type });
    const { attempt, lastError } = await w.reach(id, "dead_letter");
    told.push([attempt, lastError?.code, lastError?.message]);
  }
  assertEquals(told, [
    [1, "invalid_output", "output.name: Text contains a NUL character"],
    [1, "invalid_output", "Do not know how to serialize a BigInt"],
    [1, "invalid_output", "Output is larger than 1048576 bytes"],
  ]);
  assertEquals((await db.sql`select from effect`).length, 0);
});

Deno.test("a step whose result cannot be stored is a failure for good: its work is not done again", async () => {
  await using db = await testDatabase();
  let charges = 0;
  const results = { text: "a\0b", big: 5n, large: "x".repeat(limits.payloadBytesMax) };
  const odd = Object.entries(results).map(([type, result]) =>
    handler(type, ({ step }) =>
      step("charge", () => {
        charges++;
        return Object({ result });
      }))
  );
  const named = handler("named", ({ step }) => step("half of a pair: \ud800", () => ++charges));
  await using w = testWorker(db, [...odd, named]);
  const told = [];
  for (const { type } of [...odd, named]) {
    const { id } = await w.jobs.enqueue({ type });
    const { attempt, lastError } = await w.reach(id, "dead_letter");
    told.push(`${attempt} ${lastError?.message}`);
  }
  assertEquals(told, [
    "1 Step result.result: Text contains a NUL character",
    "1 Do not know how to serialize a BigInt",
    "1 Step result is larger than 1048576 bytes",
    "1 The name of a step: Text is not well-formed Unicode",
  ]);
  assertEquals(charges, odd.length);
});

Deno.test("a step that throws what throws when it is looked at fails its attempt, and nothing else", async () => {
  await using db = await testDatabase();
  const hostile = handler("hostile", ({ step }) =>
    step("throw", () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      throw proxy;
    }));
  await using w = testWorker(db, [hostile, fine]);
  const { id } = await w.jobs.enqueue({ type: "hostile", maxAttempts: 1 });
  await w.reach(id, "dead_letter");
  assertEquals((await w.run("fine", {})).state, "succeeded");
});

Deno.test("progress that PostgreSQL does not take keeps what came after it from nobody", async () => {
  await using db = await testDatabase();
  const loading = handler("loading", async ({ progress }) => {
    progress("file \0");
    progress("file 2 of 2");
    await eventually("it is shown", async () => {
      return (await db.sql`select progress from perdura.job`)[0]?.progress === "file 2 of 2";
    });
  });
  await using w = testWorker(db, [loading]);
  assertEquals((await w.run("loading", {})).state, "succeeded");
});
