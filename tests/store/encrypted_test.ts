/** Payloads and outputs that the database never sees. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { createRuntime, defineHandler, sensitive } from "perdura";
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

Deno.test("what a schema marks is in no answer, no error and no list; a worker may ask for it", async () => {
  await using db = await testDatabase();
  const failing = defineHandler({
    type: "login",
    input: z.object({ user: z.string(), password: sensitive(z.string()) }),
    retry: { maxAttempts: 1 },
    handle: ({ password }, { log }) => {
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
  const { lastError } = await (await app.request(`/jobs/${id}`)).json();
  assertEquals(lastError.message, "refused: [redacted]");
  const whole = await (await app.request(`/jobs/${id}?reveal=true`)).json();
  assertEquals(whole.payload.password, "canary-1234");
  const audit = await (await app.request("/audit")).json();
  assertEquals(audit.items.map(({ action }: { action: string }) => action), ["job.reveal"]);
});
