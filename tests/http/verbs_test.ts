/** What operators do to one job beside events: edit, delete, cancel, retry, rerun, look closer. */
import { assert, assertEquals } from "@std/assert";
import { createActor } from "xstate";
import { z } from "zod";
import { JOB_STATES, jobMachine } from "../../machines/job.ts";
import { newId } from "../../src/core/id.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { claimAll } from "../support/build.ts";
import { testWorker } from "../support/worker.ts";
import { assertProblem, errorPaths, itemsOf, jobIn, testApi, textOf } from "./support.ts";

const waiting = ["pending", "scheduled", "retry"] as const;

Deno.test("PATCH changes a waiting job under its version, and says what in the history", async () => {
  await using api = await testApi();
  for (const state of waiting) {
    const id = await jobIn(api, state, { tags: ["a"], metadata: { m: 1 }, partitionKey: "p" });
    const before = (await api.get(`/jobs/${id}`)).body;
    const patch = {
      priority: 7,
      maxAttempts: 9,
      maxCrashes: 4,
      timeoutMs: 5_000,
      payload: { big: "x".repeat(3_000) },
      tags: ["b", "c"],
      metadata: null,
      partitionKey: null,
      queue: "other",
      backoff: { baseMs: 5, factor: 2, capMs: 10 },
    };
    const reply = await api.request("PATCH", `/jobs/${id}`, { json: patch });
    assertEquals([reply.status, reply.body.state], [200, "scheduled"]);
    assertEquals(reply.headers.get("etag"), `"${reply.body.version}"`);
    assertEquals(reply.body, {
      ...before,
      ...patch,
      state: "scheduled",
      version: Number(before.version) + 1,
      accepts: reply.body.accepts,
    });
    assertEquals((await api.get(`/jobs/${id}`)).body, reply.body);
    const last = itemsOf(await api.get(`/jobs/${id}/transitions`)).at(-1);
    assertEquals([last?.event, last?.to], ["SCHEDULE", "scheduled"]);
    assert(textOf(last?.cause).startsWith("edit: "));
    const small = await api.request("PATCH", `/jobs/${id}`, { json: { payload: 1 } });
    assertEquals(small.body.payload, 1);
  }
});

Deno.test("PATCH moves a job to its new lane, where it is claimed, and to its new time", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  await api.request("PATCH", `/jobs/${id}`, { json: { queue: "q2", priority: -5 } });
  const [claimed] = await claimAll(api.db.store, 1);
  assertEquals([claimed?.id, claimed?.queue, claimed?.priority], [id, "q2", -5]);
  const metrics = (await api.get("/admin/metrics")).body;
  assertEquals(Object(metrics.queues).q2.running, 1);
  const later = await jobIn(api, "pending");
  const moved = await api.request("PATCH", `/jobs/${later}`, { json: { delayMs: 3_600_000 } });
  assert(textOf(moved.body.runAt) > textOf(moved.body.createdAt));
  assertEquals(await claimAll(api.db.store, 1), []);
});

Deno.test("PATCH refuses what is wrong, stale, running or over", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending", { type: "debug.sleep", payload: { ms: 1 } });
  const patch = (json: unknown, headers = {}) =>
    api.request("PATCH", `/jobs/${id}`, { json, headers });
  assertEquals(errorPaths(await patch({})), [""]);
  assertEquals(errorPaths(await patch({ type: "x", priority: "high" })), ["priority", "type"]);
  assertEquals(errorPaths(await patch({ payload: { ms: "x" } })), ["payload.ms"]);
  assertEquals((await patch({ priority: 1 }, { "if-match": '"9"' })).status, 412);
  for (const state of JOB_STATES.filter((state) => !waiting.some((s) => s === state))) {
    const other = await jobIn(api, state);
    const reply = await api.request("PATCH", `/jobs/${other}`, { json: { priority: 1 } });
    assertProblem(reply, 409, "transition_rejected");
  }
  const nobody = await api.request("PATCH", `/jobs/${newId()}`, { json: { priority: 1 } });
  assertProblem(nobody, 404, "not_found");
});

Deno.test("of many edits with one If-Match one is committed", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const headers = { "if-match": '"1"' };
  const replies = await Promise.all(
    Array.from(
      { length: 20 },
      (_, priority) => api.request("PATCH", `/jobs/${id}`, { json: { priority }, headers }),
    ),
  );
  assertEquals(replies.map(({ status }) => status).sort(), [200, ...Array(19).fill(412)]);
  const won = replies.find(({ status }) => status === 200);
  assertEquals((await api.get(`/jobs/${id}`)).body, won?.body);
});

Deno.test("DELETE takes an ended job away, its key and its count too", async () => {
  await using api = await testApi();
  for (const state of JOB_STATES) {
    const id = await jobIn(api, state, { idempotencyKey: state, payload: "x".repeat(2_000) });
    const reply = await api.request("DELETE", `/jobs/${id}`);
    if (!["succeeded", "dead_letter", "cancelled"].includes(state)) {
      assertProblem(reply, 409, "transition_rejected");
      continue;
    }
    assertEquals([reply.status, reply.body], [204, {}]);
    assertProblem(await api.get(`/jobs/${id}`), 404, "not_found");
    const again = await api.post("/jobs", { type: "debug.noop", idempotencyKey: state });
    assertEquals(again.status, 201);
  }
  const { body } = await api.get("/admin/metrics");
  assertEquals(Object(body.states).succeeded, 0);
  const [row] = await api.db.sql`select count(*)::int as n from perdura.job_data`;
  assertEquals(row?.n, 4);
});

Deno.test("cancel, retry and rerun are events and copies under everyday names", async () => {
  await using api = await testApi();
  const bare = (id: string, verb: string) => api.request("POST", `/jobs/${id}/${verb}`);
  for (const state of JOB_STATES) {
    const id = await jobIn(api, state, { payload: { n: 1 }, tags: ["t"], idempotencyKey: state });
    const cancel = await bare(id, "cancel");
    const isOver = ["succeeded", "dead_letter", "cancelled"].includes(state);
    assertEquals(cancel.status, state === "running" ? 202 : isOver ? 409 : 200);
  }
  for (const state of ["scheduled", "retry", "dead_letter", "cancelled"] as const) {
    const retry = await bare(await jobIn(api, state), "retry");
    assertEquals([retry.status, retry.body.state], [200, "pending"]);
  }
  for (const state of ["pending", "running", "succeeded"] as const) {
    assertProblem(await bare(await jobIn(api, state), "retry"), 409, "transition_rejected");
  }
  const id = await jobIn(api, "succeeded", { payload: { n: 1 }, tags: ["t"], idempotencyKey: "k" });
  const rerun = await bare(id, "rerun");
  assertEquals([rerun.status, rerun.body.clonedFrom, rerun.body.state], [201, id, "pending"]);
  assertEquals(rerun.headers.get("location"), `/jobs/${rerun.body.id}`);
  assertEquals([rerun.body.payload, rerun.body.tags, rerun.body.idempotencyKey], [
    { n: 1 },
    ["t"],
    null,
  ]);
  assertEquals((await api.get(`/jobs/${rerun.body.id}`)).body, rerun.body);
});

Deno.test("a cancelled running job keeps the reason in its history, and its last error is fixed", async () => {
  await using api = await testApi();
  const stop = defineHandler({
    type: "debug.sleep",
    input: z.unknown(),
    handle: (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  await using runtime = testWorker(api.db, [stop]);
  const id = await jobIn(api, "pending", { type: "debug.sleep", payload: { ms: 1 } })
    .catch(async () => textOf(itemsOf(await api.get("/jobs"))[0]?.id));
  await runtime.reach(id, "running");
  assertEquals((await api.post(`/jobs/${id}/cancel`, { reason: "wrong customer" })).status, 202);
  await runtime.reach(id, "cancelled");
  const { body } = await api.get(`/jobs/${id}`);
  assertEquals(Object(body.lastError).message, "Cancelled by user");
  const last = itemsOf(await api.get(`/jobs/${id}/transitions`)).at(-1);
  assertEquals([last?.to, last?.cause], ["cancelled", "wrong customer"]);
});

Deno.test("a backoff without a cap has that of the settings, at its creation and in a PATCH", async () => {
  await using api = await testApi();
  const short = await api.post("/jobs", { type: "debug.noop", backoff: { baseMs: 5 } });
  assertEquals(short.body.backoff, { baseMs: 5, factor: 2, capMs: 300_000 });
  const id = await jobIn(api, "scheduled");
  const patch = { backoff: { baseMs: 600_000, factor: 1 } };
  const { body } = await api.request("PATCH", `/jobs/${id}`, { json: patch });
  assertEquals(body.backoff, { baseMs: 600_000, factor: 1, capMs: 600_000 });
  assertEquals((await api.get(`/jobs/${id}`)).body.backoff, body.backoff);
});

Deno.test("dryRun says what an event would do, and commits nothing", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const before = (await api.get(`/jobs/${id}`)).body;
  const event = { type: "SCHEDULE", delayMs: 5_000 };
  const { status, body } = await api.post(`/jobs/${id}/events?dryRun=true`, event);
  assertEquals([status, body.state, body.version, body.due], [200, "scheduled", 2, {
    delayMs: 5_000,
  }]);
  assert(Date.parse(String(body.runAt)) >= Date.parse(String(before.createdAt)) + 5_000);
  const cancelled = (await api.post(`/jobs/${id}/events?dryRun=true`, { type: "CANCEL" })).body;
  assertEquals(Object(cancelled.lastError).message, "Cancelled by user");
  assert(cancelled.finishedAt !== null);
  const refused = await api.post(`/jobs/${id}/events?dryRun=true`, { type: "REQUEUE" });
  assertProblem(refused, 409, "transition_rejected");
  assertEquals((await api.get(`/jobs/${id}`)).body, before);
});

Deno.test("dryRun of a CANCEL answers as the CANCEL will: a running job is asked first", async () => {
  await using api = await testApi();
  for (const state of ["pending", "running"] as const) {
    const id = await jobIn(api, state);
    const before = (await api.get(`/jobs/${id}`)).body;
    const dry = await api.post(`/jobs/${id}/events?dryRun=true`, { type: "CANCEL" });
    assertEquals((await api.get(`/jobs/${id}`)).body, before);
    const sent = await api.post(`/jobs/${id}/events`, { type: "CANCEL" });
    const told = ({ status, body }: typeof dry) => [
      ...[status, body.state, body.version, body.accepts],
      ...[body.finishedAt === null, body.cancelRequestedAt === null],
    ];
    assertEquals(told(dry), told(sent));
    const again = await api.post(`/jobs/${id}/events?dryRun=true`, { type: "CANCEL" });
    if (state === "running") {
      assertEquals(again.body.cancelRequestedAt, sent.body.cancelRequestedAt);
    }
  }
});

Deno.test("the snapshot of every state restores an actor of the job machine", async () => {
  await using api = await testApi();
  for (const state of JOB_STATES) {
    const id = await jobIn(api, state);
    const response = await api.fetch(`/jobs/${id}/snapshot`);
    // The types of XState ask for an input that a restored actor does not read.
    const input = { maxAttempts: 1, maxCrashes: 1 };
    const actor = createActor(jobMachine, { input, snapshot: await response.json() }).start();
    assertEquals(actor.getSnapshot().value, state);
    assertEquals(actor.getSnapshot().context.maxAttempts, 3);
    assertEquals(actor.getSnapshot().status, state === "succeeded" ? "done" : "active");
    actor.send({ type: "CANCEL" });
    const isWaiting = ["pending", "scheduled", "retry", "running"].includes(state);
    if (isWaiting) assertEquals(actor.getSnapshot().value, "cancelled");
  }
});

Deno.test("explain gives a reason for every state", async () => {
  await using api = await testApi();
  const expected = {
    pending: "no_worker",
    scheduled: "not_due",
    running: "running",
    retry: "not_due",
    succeeded: "ended",
    dead_letter: "ended",
    cancelled: "ended",
  };
  for (const state of JOB_STATES) {
    const { status, body } = await api.get(`/jobs/${await jobIn(api, state)}/explain`);
    assertEquals(status, 200);
    const reasons = z.array(z.looseObject({ code: z.string() })).parse(body.reasons);
    assertEquals(reasons[0]?.code, expected[state]);
  }
});
