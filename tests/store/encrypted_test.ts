/** Payloads and outputs that the database never sees. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { createRuntime, defineHandler, defineMachine, InvalidInputError, sensitive } from "perdura";
import { approvalMachine } from "../../machines/approval.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";

const keys = `k1:${btoa("k".repeat(32))}`;

Deno.test("with keys, nothing of a payload or an output is in the database", async () => {
  await using db = await testDatabase();
  const echo = defineHandler({
    type: "echo",
    input: z.object({ text: z.string() }),
    handle: ({ text }) => ({ said: text }),
  });
  const inOne = defineHandler({
    type: "in.one",
    input: z.object({ text: z.string() }),
    handle: ({ text }, { transaction }) =>
      transaction(async (sql) => {
        await sql`select 1`;
        return { said: text };
      }),
  });
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    handlers: [echo, inOne],
    payloadKeys: keys,
  });
  runtime.work();
  const long = "canary-long ".repeat(500);
  for (const type of ["echo", "in.one"] as const) {
    for (const text of ["canary-short", long]) {
      assertEquals(await runtime.enqueueAndWait(type, { text }), { said: text });
    }
  }
  const keyed = { idempotencyKey: "once" };
  const first = await runtime.enqueue("echo", { text: "canary-key" }, keyed);
  const second = await runtime.enqueue("echo", { text: "canary-key" }, keyed);
  const third = await runtime.enqueue("echo", { text: "canary-other" }, keyed);
  assertEquals([second.id, second.differs, third.differs], [first.id, false, true]);
  await runtime.jobs.wait("default", first.id, 20_000);
  const rerun = await runtime.jobs.rerun("default", first.id);
  assertEquals(rerun.payload, { text: "canary-key" });
  assertEquals((await runtime.jobs.wait("default", rerun.id, 20_000)).output, {
    said: "canary-key",
  });
  const listed = await runtime.jobs.page(
    { tenantId: "default", states: null, type: "echo", queue: null },
    null,
    100,
  );
  assert(listed.items.every(({ payload }) => "text" in Object(payload)));
  const nightly = { cron: "0 3 * * *", type: "echo", payload: { text: "canary-nightly" } };
  const { schedule } = await runtime.schedules.put("nightly", nightly);
  assertEquals(schedule.definition.payload, nightly.payload);
  await runtime.schedules.declare("nightly", nightly);
  assertEquals((await runtime.schedules.get("nightly")).version, schedule.version);
  const { jobId } = await runtime.schedules.trigger("nightly");
  const ran = await runtime.jobs.wait("default", jobId ?? "", 20_000);
  assertEquals(ran.output, { said: "canary-nightly" });
  const rows = await db.sql`
    select to_jsonb(j)::text as t from perdura.job j
    union all select to_jsonb(s)::text from perdura.schedule s
    union all select to_jsonb(a)::text from perdura.job_archive a
    union all select to_jsonb(d)::text from perdura.job_data d`;
  assert(rows.length >= 6);
  for (const { t } of rows) assert(!t.includes("canary"), t.slice(0, 200));
});

Deno.test("with keys, what is refused from SQL is sealed in its dead letter, and comes back", async () => {
  await using db = await testDatabase();
  const seen: unknown[] = [];
  const note = (input: z.ZodType) =>
    defineHandler({ type: "note", input, handle: (value) => void seen.push(value) });
  const open = (input: z.ZodType, payloadKeys?: string) => {
    const handlers = [note(input)];
    return createRuntime({ databaseUrl: db.url, handlers, ...payloadKeys && { payloadKeys } });
  };
  const [letter, other] = await db.sql`
    select perdura.enqueue('note', '"canary-unfit"') as id
    union all select perdura.enqueue('note', '"canary-option"', '{"unknown": 1}')
    union all select perdura.enqueue('note', null)`;
  const [unfit, option] = [String(letter?.id), String(other?.id)];
  {
    await using runtime = await open(z.number(), keys);
    await runtime.drive({ budgetMs: 20_000 });
    const jobs = [await runtime.get(unfit), await runtime.get(option)];
    assertEquals(jobs.map(({ state, payload }) => [state, payload]), [
      ["dead_letter", "canary-unfit"],
      ["dead_letter", "canary-option"],
    ]);
  }
  const rows = await db
    .sql`select payload::text as t from perdura.dead_letter order by payload is null`;
  assertEquals(rows.map(({ t }) => t?.startsWith('{"$encrypted":') ?? t), [true, true, null]);
  const aim = { tenantId: null, ifVersion: null, cause: "test" };
  {
    await using runtime = await open(z.unknown());
    await runtime.jobs.send(unfit, { type: "REQUEUE" }, aim);
    await runtime.drive({ budgetMs: 20_000 });
    assertEquals([(await runtime.get(unfit)).lastError?.code, seen], ["invalid_input", []]);
  }
  await using runtime = await open(z.string(), keys);
  await runtime.jobs.send(unfit, { type: "REQUEUE" }, aim);
  await runtime.drive({ budgetMs: 20_000 });
  assertEquals([(await runtime.get(unfit)).state, seen], ["succeeded", ["canary-unfit"]]);
});

Deno.test("without its key a payload is nobody's input, whatever the schema takes; with it, it is", async () => {
  await using db = await testDatabase();
  const seen: unknown[] = [];
  const any = defineHandler({
    type: "any",
    input: z.unknown(),
    handle: (input) => void seen.push(input),
  });
  const open = (payloadKeys?: string) =>
    createRuntime({ databaseUrl: db.url, handlers: [any], ...payloadKeys && { payloadKeys } });
  const sealed = await open(keys).then(async (runtime) => {
    await using _ = runtime;
    await runtime.schedules.put("often", { everyMs: 3_600_000, type: "any", payload: { n: 2 } });
    return (await runtime.enqueue("any", { n: 1 })).id;
  });
  {
    await using runtime = await open();
    await runtime.drive({ budgetMs: 20_000 });
    const { state, lastError } = await runtime.get(sealed);
    assertEquals([state, lastError?.code, seen], ["dead_letter", "invalid_input", []]);
    await assertRejects(() => runtime.jobs.rerun(null, sealed), InvalidInputError, 'key "k1"');
    await assertRejects(() => runtime.schedules.trigger("often"), InvalidInputError, 'key "k1"');
  }
  await using runtime = await open(keys);
  const aim = { tenantId: null, ifVersion: null, cause: "test" };
  await runtime.jobs.send(sealed, { type: "REQUEUE" }, aim);
  await runtime.drive({ budgetMs: 20_000 });
  assertEquals(seen, [{ n: 1 }]);
});

Deno.test("a key is changed in two rounds, and the handbook's query says what the old one still holds", async () => {
  await using db = await testDatabase();
  const page = await Deno.readTextFile(new URL("../../docs/operations.md", import.meta.url));
  const [query = ""] = /^select count[^]*?"k1"[^]*?;$/m.exec(page) ?? [];
  const held = async () => {
    const [row] = await db.sql.unsafe(query);
    return Number(row?.count);
  };
  const echo = defineHandler({ type: "echo", input: z.unknown(), handle: (input) => ({ input }) });
  const other = `k2:${btoa("l".repeat(32))}`;
  const open = (payloadKeys: string) =>
    createRuntime({ databaseUrl: db.url, handlers: [echo], payloadKeys });
  const long = "x".repeat(2_000);
  const run = async (sender: string, worker: string) => {
    await using sending = await open(sender);
    const sent = await sending.enqueueMany(echo, ["short", long]);
    await using working = await open(worker);
    assertEquals((await working.drive({ budgetMs: 20_000 })).ran, 2);
    const ended = await Promise.all(sent.map(({ id }) => sending.get(id)));
    assertEquals(ended.map(({ output }) => output), [{ input: "short" }, { input: long }]);
  };
  await run(`${other},${keys}`, `${keys},${other}`);
  const byOld = await held();
  assert(byOld > 0, "outputs are under the old key as long as any process has it in front");
  await run(`${keys},${other}`, `${other},${keys}`);
  assert(await held() > byOld);
  await db.sql`delete from perdura.job_archive`;
  await db.sql`delete from perdura.job_data`;
  await run(other, `${other},${keys}`);
  assertEquals(await held(), 0);
});

Deno.test("the input of a schedule's actors is sealed until they have it", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(approvalMachine, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines, payloadKeys: keys });
  const input = { title: "canary-title", approver: "canary-ann" };
  const hourly = { everyMs: 3_600_000, machine: "approval", input };
  const { schedule } = await runtime.schedules.put("hourly", hourly);
  assertEquals(schedule.definition.input, input);
  const listed = await runtime.schedules.list(
    { tenantId: "default", isPaused: null, type: null, machine: null },
    "",
    10,
  );
  assertEquals(listed.map(({ definition }) => definition.input), [input]);
  const [row] = await db.sql`select definition::text as t from perdura.schedule`;
  assert(!row?.t.includes("canary"), row?.t);
  const { actorId } = await runtime.schedules.trigger("hourly");
  const { context } = await runtime.actors.get("default", actorId ?? "");
  assertEquals(Object(context).title, input.title);
});

Deno.test("what a schema marks is in no answer, no error and no list; a worker may ask for it", async () => {
  await using db = await testDatabase();
  const failing = defineHandler({
    type: "login",
    input: z.object({ user: z.string(), password: sensitive(z.string()) }),
    retry: { maxAttempts: 1 },
    handle: async ({ password }, { log, progress }) => {
      progress({ step: `asks with ${password}`, done: 1 });
      await eventually("its progress is stored", async () => {
        return (await db.sql`select from perdura.job where progress is not null`).length > 0;
      });
      log(`tries ${password}`, { with: [password], also: "fine" });
      throw new Error(`refused: ${password}`);
    },
  });
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers: [failing] });
  runtime.work();
  const { createApp } = await import("perdura");
  const app = createApp({ jobs: runtime.jobs, isWritable: () => runtime.isWritable() });
  const made = await app.request("/jobs", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "login", payload: { user: "ada", password: "canary-1234" } }),
  });
  const { id, payload } = await made.json();
  assertEquals(payload, { user: "ada", password: "[redacted]" });
  await eventually("it has failed", async () => {
    return (await runtime.jobs.get("default", id)).state === "dead_letter";
  });
  for (const path of [`/jobs/${id}`, "/jobs", "/dead-letters", `/jobs/${id}/transitions`]) {
    const text = await (await app.request(path)).text();
    assert(text.includes(id) || path.endsWith("transitions"), path);
    assert(!text.includes("canary"), text);
  }
  const [line] = (await (await app.request(`/jobs/${id}/logs`)).json()).items;
  assertEquals([line.message, line.data], [
    "tries [redacted]",
    { with: ["[redacted]"], also: "fine" },
  ]);
  // Nor does a search answer to a guess.
  for (const q of ["payload.password:canary-*", "payload.password>0"]) {
    const guess = await app.request(`/jobs?q=${encodeURIComponent(q)}`);
    assertEquals([guess.status, (await guess.json()).position], [400, 0]);
  }
  const texts = await app.request("/jobs?q=canary");
  assertEquals((await texts.json()).items, []);
  const open = await app.request("/jobs?q=payload.user:ada");
  assertEquals((await open.json()).items.length, 1);
  const operation = await app.request("/operations", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      action: "requeue",
      filter: { q: "payload.password:canary-1234" },
      dryRun: true,
    }),
  });
  assertEquals(operation.status, 422);
  const dry = await app.request("/operations", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action: "requeue", filter: { q: "canary" }, dryRun: true }),
  });
  assertEquals((await dry.json()).matched, 0);
  const { lastError, progress } = await (await app.request(`/jobs/${id}`)).json();
  assertEquals(progress, { step: "asks with [redacted]", done: 1 });
  assertEquals(lastError.message, "refused: [redacted]");
  const whole = await (await app.request(`/jobs/${id}?reveal=true`)).json();
  assertEquals(whole.payload.password, "canary-1234");
  const audit = await (await app.request("/audit")).json();
  assertEquals(audit.items.map(({ action }: { action: string }) => action), ["job.reveal"]);
});

Deno.test("with keys, a claimed job has all that one without has", async () => {
  await using db = await testDatabase();
  const seen: unknown[] = [];
  const look = defineHandler({
    type: "look",
    input: z.unknown(),
    handle: (_, { job }) => {
      seen.push([job.tags, job.metadata, job.createdAt instanceof Date]);
      if (job.attempt === 1) throw new Error("again");
    },
  });
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    handlers: [look],
    payloadKeys: keys,
    // An hour: the job's own says otherwise.
    backoff: { baseMs: 3_600_000, factor: 1, capMs: 3_600_000 },
  });
  runtime.work();
  const own = { tags: ["t"], metadata: { m: 1 }, backoff: { baseMs: 1, factor: 1, capMs: 1 } };
  await runtime.enqueueAndWait("look", {}, own);
  assertEquals(seen, [[["t"], { m: 1 }, true], [["t"], { m: 1 }, true]]);
});

Deno.test("a worker outside tells an error, and what a schema marks is not in it either", async () => {
  await using db = await testDatabase();
  const login = defineHandler({
    type: "login",
    input: z.object({ password: sensitive(z.string()) }),
    handle: () => null,
  });
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers: [login] });
  const { createApp } = await import("perdura");
  const app = createApp({ jobs: runtime.jobs, isWritable: () => runtime.isWritable() });
  const send = async (path: string, version: number, body: unknown) => {
    const headers = { "content-type": "application/json", "if-match": `"${version}"` };
    return await app.request(path, { method: "POST", headers, body: JSON.stringify(body) });
  };
  const payload = { password: "canary-1234" };
  const { id } = await (await send("/jobs", 1, { type: "login", payload })).json();
  const claimed = await send(`/jobs/${id}/events`, 1, { type: "CLAIM" });
  assertEquals((await claimed.json()).payload, payload);
  const error = { name: "canary-1234", message: "refused: canary-1234", code: "canary-1234" };
  const failed = await send(`/jobs/${id}/events`, 2, { type: "FAIL", error, retryable: false });
  assertEquals(failed.status, 200);
  const { state, lastError } = await (await app.request(`/jobs/${id}`)).json();
  assertEquals([state, lastError.message], ["dead_letter", "refused: [redacted]"]);
  for (
    const path of ["/dead-letters", "/dead-letters?groupBy=fingerprint", `/jobs/${id}/transitions`]
  ) {
    const text = await (await app.request(path)).text();
    assert(!text.includes("canary"), text);
  }
});
