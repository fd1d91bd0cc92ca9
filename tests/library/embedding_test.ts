/** Perdura inside another program: a runtime is all that its API needs. */
import { assertEquals, assertRejects } from "@std/assert";
import { Hono } from "hono";
import { z } from "zod";
import { approvalMachine } from "../../machines/approval.ts";
import {
  createApp,
  createRuntime,
  defineHandler,
  defineMachine,
  InvalidInputError,
  RateLimitedError,
} from "perdura";
import { testDatabase } from "../support/database.ts";

const note = defineHandler({ type: "note", input: z.strictObject({}), handle: () => "noted" });

Deno.test("createApp() takes a runtime as it is: healthy, with its jobs, actors and schedules", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(approvalMachine, { version: "1" })];
  await using perdura = await createRuntime({ sql: db.sql, machines });
  const app = new Hono().route("/perdura", createApp(perdura));
  const health = await app.request("/perdura/health");
  assertEquals([health.status, await health.json()], [200, {
    status: "ok",
    checks: { database: "ok", write: "ok" },
  }]);
  const started = await app.request("/perdura/actors", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      machine: "approval",
      id: "chair",
      input: { title: "A chair", approver: "ada" },
    }),
  });
  assertEquals(started.status, 201);
});

Deno.test("limits are set, held and let go by the runtime; who waits for one is told by explain", async () => {
  await using db = await testDatabase();
  await using perdura = await createRuntime({ sql: db.sql, handlers: [note] });
  const key = { kind: "key", name: "customer:7" } as const;
  const set = await perdura.limits.set(key, { ratePerMinute: 60 });
  assertEquals([set.tenantId, set.limits.ratePerMinute, set.limits.burst], ["default", 60, 60]);
  await perdura.limits.set(key, { concurrency: 1 });
  assertEquals((await perdura.limits.get(key)).limits.ratePerMinute, null, "all of them are set");
  assertEquals((await perdura.limits.pause(key)).flow, "paused");
  const { id } = await perdura.enqueue(note, {}, { limitKey: "customer:7" });
  const [reason] = await perdura.jobs.explain(null, id);
  assertEquals(reason?.code, "key_paused");
  assertEquals((await perdura.limits.resume(key)).flow, "open");
  perdura.work();
  assertEquals((await perdura.jobs.wait(null, id, 30_000)).state, "succeeded");
  const tenant = await perdura.limits.set({ kind: "tenant" }, { backlog: 5, weight: 2 });
  assertEquals([tenant.name, tenant.limits.backlog, tenant.limits.weight], ["", 5, 2]);
  assertEquals((await perdura.limits.get({ kind: "type", name: "note" })).tenantId, null);
  const drained = await perdura.limits.drain({ kind: "queue", name: "default" });
  assertEquals(drained.flow, "draining");
  await assertRejects(() => perdura.enqueue(note, {}), RateLimitedError);
});

Deno.test("limits that cannot be are refused, with the field", async () => {
  await using db = await testDatabase();
  await using perdura = await createRuntime({ sql: db.sql });
  const { limits } = perdura;
  const queue = { kind: "queue", name: "mail" } as const;
  for (
    const [path, attempt] of [
      ["limits.ratePerMinute", () => limits.set(queue, { ratePerMinute: 0 })],
      ["limits.burst", () => limits.set(queue, { burst: 5 })],
      ["limits.backlog", () => limits.set(queue, { backlog: 5 })],
      ["aim.name", () => limits.pause({ kind: "queue" })],
      ["aim.name", () => limits.pause({ kind: "tenant", name: "a" })],
      ["aim.name", () => limits.pause({ kind: "queue", name: "no name" })],
    ] as const
  ) {
    const error = await assertRejects(attempt, InvalidInputError);
    assertEquals(error.issues.map((issue) => issue.path), [path]);
  }
});

Deno.test("an actor is waited for by the words of the route", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(approvalMachine, { version: "1" })];
  await using perdura = await createRuntime({ sql: db.sql, machines });
  const input = { title: "A chair", approver: "ada" };
  const { actor } = await perdura.actors.start({ machine: "approval", id: "chair", input });
  const options = { timeoutMs: 1 };
  assertEquals(
    (await perdura.actors.wait(null, "chair", `state:${actor.state}`, options))?.id,
    "chair",
  );
  assertEquals(await perdura.actors.wait(null, "chair", "tag:nothing", options), null);
});

Deno.test("jobs are listed by what is asked about, and nothing else has to be said", async () => {
  await using db = await testDatabase();
  await using perdura = await createRuntime({ sql: db.sql, handlers: [note] });
  const { id } = await perdura.enqueue(note, {}, { queue: "mail" });
  const other = await perdura.enqueue(note, {});
  const ids = (jobs: readonly { id: string }[]) => jobs.map((job) => job.id).toSorted();
  const all = await perdura.jobs.list({ tenantId: "default" }, null, 10);
  assertEquals(ids(all), [id, other.id].toSorted());
  const page = await perdura.jobs.page({ tenantId: "default", queue: "mail" }, null, 10);
  assertEquals(ids(page.items), [id]);
  const running = { tenantId: "default", states: ["running"] } as const;
  assertEquals(await perdura.jobs.list(running, null, 10), []);
});
