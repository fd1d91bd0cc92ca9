/** The library: one object that enqueues, waits, works and drives, typed by the handlers. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Hono } from "hono";
import { z } from "zod";
import { approvalMachine } from "../../machines/approval.ts";
import {
  createApp,
  createEdge,
  createRuntime,
  defineHandler,
  defineMachine,
  InvalidInputError,
  JobNotDoneError,
  UnavailableError,
} from "perdura";
import { isAddress } from "../../src/library/address.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { Proxy } from "../support/proxy.ts";
import { untilBlocked } from "../support/locks.ts";

const greet = defineHandler({
  type: "greet",
  input: z.strictObject({ name: z.string(), loud: z.boolean().default(false) }),
  output: z.strictObject({ text: z.string() }),
  handle: ({ name, loud }) => ({ text: loud ? `HELLO ${name}` : `Hello ${name}` }),
});
const broken = defineHandler({
  type: "broken",
  input: z.unknown(),
  output: z.strictObject({ text: z.string() }),
  handle: () => JSON.parse('{"text":7}'),
});
const refuse = defineHandler({
  type: "refuse",
  input: z.unknown(),
  retry: { maxAttempts: 1 },
  handle: (): null => {
    throw new Error("not today");
  },
});

const handlers = [greet, broken, refuse] as const;

Deno.test("a worker that was stopped is known to its runtime no more", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers, pollMs: 100 });
  const attach = runtime.jobs.attach.bind(runtime.jobs);
  let attached = 0;
  const counting: typeof attach = (worker) => {
    const detach = attach(worker);
    attached++;
    return () => {
      attached--;
      detach();
    };
  };
  Object.assign(runtime.jobs, { attach: counting });
  const workers = [runtime.work(), runtime.work()];
  assertEquals(attached, 2);
  for (const worker of workers) await worker.stop();
  assertEquals(attached, 0);
});

Deno.test("enqueueAndWait() gives what the handler returned", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ sql: db.sql, handlers, pollMs: 100 });
  runtime.work({ concurrency: 5 });
  const { text } = await runtime.enqueueAndWait(greet, { name: "Ada" });
  assertEquals(text, "Hello Ada");
  assertEquals(await runtime.enqueueAndWait("greet", { name: "Bo", loud: true }), {
    text: "HELLO Bo",
  });
});

Deno.test("enqueueAndWait() waits for as long as it takes, if it may", async () => {
  await using db = await testDatabase();
  const slow = defineHandler({
    ...{ type: "slow", input: z.unknown() },
    handle: () => new Promise<string>((done) => setTimeout(() => done("at last"), 300)),
  });
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers: [slow] });
  runtime.work();
  for (const timeoutMs of [Infinity, 30 * 24 * 3_600_000]) {
    assertEquals(await runtime.enqueueAndWait(slow, null, { timeoutMs }), "at last");
  }
});

Deno.test("what a handler returned comes back as JSON has it, and its type says so", async () => {
  const stamp = defineHandler({
    type: "stamp",
    input: z.unknown(),
    handle: () => ({ at: new Date(0), note: note(), list: ["a", note()] }),
  });
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers: [stamp] });
  runtime.work();
  const stamped = await runtime.enqueueAndWait(stamp, null);
  // @ts-expect-error: JSON has no dates
  assertThrows(() => stamped.at.getTime());
  const missing: string | undefined = stamped.note;
  const [, none]: (string | null)[] = stamped.list;
  assertEquals([stamped.at.slice(0, 10), missing, none], ["1970-01-01", undefined, null]);
});

function note(): string | undefined {
  return undefined;
}

Deno.test("a step gives what JSON makes of its result, of any type that JSON can tell", async () => {
  interface Receipt {
    readonly id: string;
    readonly at: Date;
    readonly note?: string;
    readonly parts: readonly Receipt[];
  }
  const receipt = (): Receipt => ({ id: "r", at: new Date(0), parts: [] });
  const told = defineHandler({
    type: "told",
    input: z.unknown(),
    handle: async (_, { step, stepTransaction }) => {
      const { at, parts } = await step("an interface", () => Promise.resolve(receipt()));
      const day: string = at.slice(0, 10) + parts.length;
      const nothing: null = await step("nothing", () => {});
      const parsed = await step("whatever", () => JSON.parse('{"a":{"b":1}}'));
      const [row] = await stepTransaction("rows", (sql) => sql`select 1 as n`);
      // @ts-expect-error: a Map is no JSON
      const lost = await step("lost", () => new Map([["a", 1]]));
      // @ts-expect-error: a big integer is none either
      const big = () => step("big", () => 1n);
      return {
        day,
        nothing,
        deep: parsed.a.b,
        n: Number(row?.n),
        lost: JSON.stringify(lost),
        big: typeof big,
      };
    },
  });
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers: [told] });
  runtime.work();
  assertEquals(
    await runtime.enqueueAndWait(told, null),
    { day: "1970-01-010", nothing: null, deep: 1, n: 1, lost: "{}", big: "function" },
  );
});

Deno.test("enqueueAndWait() throws with the job when it failed, or is not done in time", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers, pollMs: 100 });
  const late = await assertRejects(
    () => runtime.enqueueAndWait(greet, { name: "Ada" }, { timeoutMs: 1 }),
    JobNotDoneError,
  );
  assertEquals(late.job.state, "pending");
  runtime.work();
  const failed = await assertRejects(() => runtime.enqueueAndWait(refuse, null), JobNotDoneError);
  assertEquals([failed.job.state, failed.job.lastError?.message], ["dead_letter", "not today"]);
  const wrong = await assertRejects(() => runtime.enqueueAndWait(broken, null), JobNotDoneError);
  assertEquals([wrong.job.attempt, wrong.job.lastError?.code], [1, "invalid_output"]);
});

Deno.test("a payload that does not fit is a compile error, and refused", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers });
  const wrong = [
    // @ts-expect-error: a name is a string
    () => runtime.enqueue(greet, { name: 7 }),
    // @ts-expect-error: the same by the name of the type
    () => runtime.enqueue("greet", { nom: "Ada" }),
    // @ts-expect-error: nobody handles this
    () => runtime.enqueue("nobody", {}),
  ];
  for (const call of wrong) await assertRejects(call);
  // @ts-expect-error: a name is a string
  const error = await assertRejects(() => runtime.enqueue(greet, { name: 7 }), InvalidInputError);
  assertEquals(error.issues[0]?.path, "payload.name");
  assertEquals((await runtime.jobs.counts(null)).length, 0);
});

Deno.test("enqueue() inside the caller's transaction exists when that commits, and never otherwise", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers, pollMs: 3_600_000 });
  await db.sql`create table booking (id uuid primary key)`;
  runtime.work();
  const undone = await assertRejects(() =>
    db.sql.begin(async (tx) => {
      await runtime.enqueue(greet, { name: "nobody" }, { tx, idempotencyKey: "k" });
      throw new Error("changed my mind");
    })
  );
  assert(String(undone).includes("changed my mind"));
  const enqueued = await db.sql.begin(async (tx) => {
    const job = await runtime.enqueue(greet, { name: "Ada" }, { tx, idempotencyKey: "k" });
    const again = await runtime.enqueue(greet, { name: "Ada" }, { tx, idempotencyKey: "k" });
    assertEquals([job.created, again.created, again.id], [true, false, job.id]);
    await tx`insert into booking (id) values (${job.id})`;
    assertEquals((await db.sql`select from perdura.job`).length, 0, "nobody sees it yet");
    return job;
  });
  enqueued.hint();
  await eventually("the hint wakes the worker", async () => {
    return (await runtime.get(enqueued.id)).state === "succeeded";
  });
});

Deno.test("drive() does one bounded slice, and says when to come back", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers });
  assertEquals(await runtime.drive({ budgetMs: 20_000 }), {
    ran: 0,
    turns: 0,
    nextWakeAt: null,
    more: false,
  });
  await runtime.enqueueMany(greet, Array.from({ length: 30 }, (_, n) => ({ name: String(n) })));
  const { id } = await runtime.enqueue(greet, { name: "later" }, { delayMs: 3_600_000 });
  const first = await runtime.drive({ budgetMs: 20_000, maxJobs: 10 });
  assertEquals([first.ran, first.more], [10, true]);
  const other = await runtime.drive({ budgetMs: 20_000, types: ["refuse"] });
  assertEquals([other.ran, other.more, other.nextWakeAt], [0, false, null]);
  const rest = await runtime.drive({ budgetMs: 20_000 });
  assertEquals([rest.ran, rest.more], [20, false]);
  const { runAt } = await runtime.get(id);
  assert(Math.abs(Date.parse(rest.nextWakeAt ?? "") - Date.parse(runAt)) < 60_000);
  await assertRejects(() => runtime.drive({ budgetMs: 1 }), RangeError);
  await assertRejects(() => runtime.drive({ maxJobs: 0 }), RangeError);
});

Deno.test("a slice that fails stops what it has begun, and hands it back", async () => {
  await using db = await testDatabase();
  const begun = Promise.withResolvers<AbortSignal>();
  const patient = defineHandler({
    type: "patient",
    input: z.unknown(),
    handle: async (_payload, { signal }) => {
      begun.resolve(signal);
      await new Promise((stopped) => signal.addEventListener("abort", stopped));
      signal.throwIfAborted();
    },
  });
  const options = { databaseUrl: db.url, deadlineMs: 90_000, handlers: [patient] };
  await using runtime = await createRuntime(options);
  const { id } = await runtime.enqueue(patient, {});
  const slice = await db.sql.begin(async (tx) => {
    // The sweep folds counters: it waits, while the job is claimed and runs.
    await tx`lock table perdura.counter in access exclusive mode`;
    const driven = runtime.drive({ budgetMs: 20_000 });
    const failed = assertRejects(() => driven, UnavailableError);
    await begun.promise;
    await untilBlocked(db.sql);
    await tx`
      select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`;
    return { failed };
  });
  await slice.failed;
  assert((await begun.promise).aborted, "nobody would ever stop it");
  const { state, attempt } = await runtime.get(id);
  assertEquals([state, attempt], ["pending", 0]);
});

Deno.test("a slice is over within its budget, also where the database does not answer", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  await using runtime = await createRuntime({ databaseUrl: proxy.url, handlers });
  await runtime.drive({ budgetMs: 20_000 });
  proxy.mode = "hold_replies";
  const budgetMs = 3_000;
  const twice = new Promise((done) => setTimeout(() => done("twice its budget"), 2 * budgetMs));
  const slice = runtime.drive({ budgetMs });
  const first = await Promise.race([slice, twice]);
  proxy.mode = "forward";
  proxy.cutAll();
  await Promise.all([slice, twice]);
  assertEquals(Object(first).more, true, String(first));
});

Deno.test("the API can live inside somebody else's Hono app", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers });
  const app = new Hono().get("/", (c) => c.text("shop")).route(
    "/perdura",
    createApp(runtime),
  );
  const response = await app.request("/perdura/jobs", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "greet", payload: { name: "Ada" } }),
  });
  assertEquals(response.status, 201);
  const wrong = await app.request("/perdura/jobs", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "greet", payload: { name: 7 } }),
  });
  assertEquals([wrong.status, (await wrong.json()).code], [422, "invalid_input"]);
  assertEquals(await (await app.request("/")).text(), "shop");
});

Deno.test("what the API has not is a problem below its prefix, and the other app's elsewhere", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers });
  const api = () => createApp(runtime);
  const below = new Hono().route("/perdura", api()).get("/perdura/own", (c) => c.text("shop"));
  const unknown = await below.request("/perdura/nothing");
  const { code, instance } = await unknown.json();
  assertEquals([unknown.status, code, instance], [404, "not_found", "/perdura/nothing"]);
  assertEquals(unknown.headers.get("content-type"), "application/problem+json");
  assertEquals(await (await below.request("/perdura/own")).text(), "shop");
  assertEquals(await (await below.request("/nothing")).text(), "404 Not Found");
  const beside = new Hono().route("/", api()).get("/own", (c) => c.text("shop"));
  assertEquals(await (await beside.request("/own")).text(), "shop");
  assertEquals(await (await beside.request("/nothing")).text(), "404 Not Found");
});

Deno.test("a wrong address is refused without its password", async () => {
  for (
    const databaseUrl of ["", "nope", "postgres://u:hunter2@h:port/d", "postgres://u:p%ss@h/d"]
  ) {
    const { message } = await assertRejects(() => createRuntime({ databaseUrl }), TypeError);
    assertEquals(message, "databaseUrl must be a postgres:// address, percent-encoded");
  }
  for (const databaseUrl of ["postgres://u:a%40b@h1:1,h2:2/d?x=1", "postgresql://u@[::1]"]) {
    assert(isAddress(databaseUrl), databaseUrl);
  }
});

Deno.test("a handler that no job could reach, or that cannot run, is refused where it is declared", () => {
  const whole = { type: "greet", input: z.unknown(), handle: () => null };
  const declare = (change: Record<string, unknown>) =>
    assertThrows(() => defineHandler(Object.assign({}, whole, change)), TypeError).message;
  for (const type of ["", "a b", "\u00e9", "x".repeat(129)]) declare({ type });
  assertEquals(declare({ input: undefined }), "greet: A handler needs a zod schema as its input");
  assertEquals(declare({ handle: "no" }), "greet: A handler needs a function as its handle");
});

Deno.test("who waits for an actor is sent away when the process stops", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(approvalMachine, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  const input = { title: "A chair", approver: "ann" };
  await runtime.actors.start({ machine: "approval", id: "chair", input });
  let answer: unknown = "none yet";
  void runtime.actors.wait(null, "chair", "done", { timeoutMs: 3_600_000 })
    .then((actor) => answer = actor);
  runtime.actors.close();
  await eventually("it is sent away", () => Promise.resolve(answer === null));
});

Deno.test("an option or a field that is undefined is one that was not given", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers });
  const options = { priority: undefined, idempotencyKey: undefined, tags: undefined };
  const { id } = await runtime.enqueue(greet, { name: "Ada", loud: undefined }, options);
  const { payload, priority } = await runtime.get(id);
  assertEquals([payload, priority], [{ name: "Ada" }, 0]);
});

Deno.test("who waits for a job gets it as it is when the runtime closes", async () => {
  await using db = await testDatabase();
  const runtime = await createRuntime({ databaseUrl: db.url, handlers });
  const { id } = await runtime.enqueue(greet, { name: "Ada" }, { delayMs: 3_600_000 });
  const answer = runtime.jobs.wait(null, id, 3_600_000);
  await runtime.close();
  assertEquals((await answer).state, "scheduled");
});

Deno.test("an option that nobody knows is refused, with the name that comes nearest", async () => {
  const refused = async (options: object, path: string, words: string) => {
    // As it comes from a program without types.
    const given: Parameters<typeof createRuntime>[0] = { databaseUrl: "postgres://x/y" };
    const error = await assertRejects(
      () => createRuntime(Object.assign(given, options)),
      InvalidInputError,
    );
    const [issue, ...others] = error.issues;
    assertEquals([issue?.path, others], [path, []]);
    assertStringIncludes(issue?.message ?? "", words);
  };
  await refused({ concurency: 5 }, "options", '"concurency"; the nearest is "concurrency"');
  await refused({ pollMS: 5 }, "options", 'the nearest is "pollMs"');
  await refused({ zzzzzzzzzzzzzzzzzzzz: 1 }, "options", "known are concurrency, queues");
  await refused(
    { backoff: { baseMs: 1, factor: 2, capMs: 3, jitter: 1 } },
    "options.backoff",
    'Unknown option "jitter"',
  );
  await refused({ concurrency: "5" }, "options.concurrency", "number");
  await refused({ queues: "mails" }, "options.queues", "array");
  const program = Object.assign({}, { handlers, budget: 5_000 });
  const edge = assertThrows(() => createEdge(program), InvalidInputError);
  assertStringIncludes(edge.message, 'program: Unknown option "budget"; the nearest is "budgetMs"');
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers });
  const working = Object.assign({}, { concurrency: 1, queue: ["a"] });
  const error = assertThrows(() => runtime.work(working), InvalidInputError);
  assertStringIncludes(error.message, 'Unknown option "queue"; the nearest is "queues"');
});

Deno.test("a runtime has as many connections as it was given, and no call outlives its deadline", async () => {
  await using db = await testDatabase();
  await using few = await createRuntime({
    ...{ databaseUrl: db.url, handlers, name: "few", connections: 2, deadlineMs: 3_000 },
  });
  const { id } = await few.enqueue(greet, { name: "Ada" });
  await Promise.all(Array.from({ length: 40 }, () => few.get(id)));
  const open = await eventually("more than one is open", async () => {
    const [row] = await db.sql`
      select count(*)::int as n from pg_stat_activity where application_name = 'few'`;
    return row?.n > 1 && row?.n;
  });
  assertEquals(open, 2);
  await db.sql.begin(async (sql) => {
    await sql`lock table perdura.job in access exclusive mode`;
    await assertRejects(() => few.get(id), UnavailableError);
  });
  assertEquals((await few.get(id)).id, id);
  for (
    const wrong of [{ connections: 0 }, { deadlineMs: 1 }, { deadlineMs: 3e9 }, { deadlineMs: 1.5 }]
  ) {
    await assertRejects(() => createRuntime({ databaseUrl: db.url, ...wrong }), InvalidInputError);
  }
});
