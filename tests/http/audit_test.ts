/** The audit: who did what, to what, why, on what version; and nobody who changes it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { newBreaker } from "../../src/core/breaker.ts";
import { assertProblem, itemsOf, jobIn, testApi, textOf } from "./support.ts";

Deno.test("what an operator does to a job is recorded, with the reason and the version", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "scheduled");
  const headers = { "audit-reason": "asked for by the customer" };
  await api.request("PATCH", `/jobs/${id}`, { json: { priority: 3 }, headers });
  await api.post(`/jobs/${id}/events`, { type: "SCHEDULE", delayMs: 5000 });
  await api.post(`/jobs/${id}/cancel`, { reason: "no longer wanted" });
  await api.post(`/jobs/${id}/retry`, {});
  await api.post(`/jobs/${id}/cancel`, {});
  const rerun = await api.post(`/jobs/${id}/rerun`, {});
  await api.request("DELETE", `/jobs/${id}`);
  const { body } = await api.get(`/audit?subject=jobs/${id}`);
  assert(Array.isArray(body.items));
  const seen = body.items.toReversed().map(({ action, reason, version, tenantId, who }) => {
    assertEquals([tenantId, who], ["default", "anonymous"]);
    return [action, reason, version];
  });
  assertEquals(seen, [
    ["job.edit", "asked for by the customer", 2],
    ["job.schedule", null, 3],
    ["job.cancel", "no longer wanted", 4],
    ["job.requeue", null, 5],
    ["job.cancel", null, 6],
    ["job.rerun", null, null],
    ["job.delete", null, 7],
  ]);
  const [made] = itemsOf(await api.get("/audit?action=job.rerun"));
  assertEquals(made?.detail, { jobId: rerun.body.id });
});

Deno.test("what an operator does to schedules and breakers is recorded with the version that it made", async () => {
  await using api = await testApi();
  const hourly = { everyMs: 3_600_000, type: "debug.noop" };
  await api.request("PUT", "/schedules/hourly", { json: hourly });
  await api.post("/schedules/hourly/pause", {});
  await api.post("/schedules/hourly/resume", {});
  await api.request("DELETE", "/schedules/hourly");
  const gate = { tenantId: "default", kind: "key", name: "partner" } as const;
  const after = newBreaker({ failures: 3, windowMs: 1_000, openMs: 1_000, probes: 1 });
  const transitions = [{ from: null, event: "MADE", to: after.state }];
  await api.db.store.breakers.save({ gate, before: null, after, transitions, cause: null });
  const opened = await api.post("/breakers/key:partner/open", { reason: "they said so" });
  assertEquals(opened.status, 200);
  const seen = itemsOf(await api.get("/audit")).toReversed().map((
    { action, tenantId, version },
  ) => [action, tenantId, version]);
  assertEquals(seen, [
    ["schedule.put", "default", 1],
    ["schedule.pause", "default", 2],
    ["schedule.resume", "default", 3],
    ["schedule.delete", "default", null],
    ["breaker.open", "default", opened.body.version],
  ]);
});

Deno.test("whose thing it was is recorded, though the request names no tenant", async () => {
  await using api = await testApi();
  const tenantId = "a";
  const yearly = { cron: "0 0 1 1 *", type: "debug.noop", tenantId };
  await api.request("PUT", "/schedules/yearly", { json: yearly });
  await api.post("/schedules/yearly/trigger", { tenantId });
  const form = new FormData();
  form.append("file", new File(["x"], "x.txt"));
  const stored = await api.fetch("/files?tenantId=a", { method: "POST", body: form });
  await api.request("DELETE", `/files/${(await stored.json()).fileId}`);
  const later = { type: "debug.noop", delayMs: 3_600_000, tenantId };
  const batch = await api.post("/batches", { tenantId, jobs: [later, later] });
  await api.post(`/batches/${batch.body.id}/cancel`, {});
  await api.post("/jobs/batch", { jobs: Array.from({ length: 60 }, () => later) });
  const slowly = { action: "cancel", filter: { type: "debug.noop" }, ratePerSecond: 1, tenantId };
  const { body: { id } } = await api.post("/operations", slowly);
  await api.post(`/operations/${id}/stop`, {});
  await api.post(`/operations/${id}/resume`, {});
  await api.post(`/operations/${id}/stop`, {});
  const seen = itemsOf(await api.get("/audit")).toReversed();
  assertEquals(
    seen.map((record) => [record.action, record.tenantId]),
    [
      ...["schedule.put", "schedule.trigger", "file.delete", "batch.cancel"],
      ...["operation.start", "operation.stop", "operation.resume", "operation.stop"],
    ].map((action) => [action, tenantId]),
  );
});

Deno.test("a reason is recorded as it was typed, in UTF-8 or in Latin-1", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "scheduled");
  // As the bytes of a header are read: one letter each.
  const sent = String.fromCharCode(...new TextEncoder().encode("Störung – bei Zoë"));
  for (const [priority, reason] of [sent, "St\u00f6rung"].entries()) {
    const headers = { "audit-reason": reason };
    await api.request("PATCH", `/jobs/${id}`, { json: { priority }, headers });
  }
  const seen = itemsOf(await api.get(`/audit?subject=jobs/${id}`)).map(({ reason }) => reason);
  assertEquals(seen, ["Störung", "Störung – bei Zoë"]);
});

Deno.test("what is refused, asked as a dry run, or a worker's part is not recorded", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "succeeded");
  assertProblem(await api.post(`/jobs/${id}/cancel`, {}), 409, "transition_rejected");
  await api.post(`/jobs/${id}/events?dryRun=true`, { type: "REQUEUE" });
  await api.post("/admin/retry-failed", { dryRun: true });
  const waiting = await jobIn(api, "pending");
  const claim = { "if-match": '"1"' };
  assertEquals(
    (await api.post(`/jobs/${waiting}/events`, { type: "CLAIM" }, claim)).status,
    200,
  );
  assertEquals(itemsOf(await api.get("/audit")), []);
});

Deno.test("what is done to queues, types, tenants and many jobs is recorded", async () => {
  await using api = await testApi();
  await jobIn(api, "dead_letter");
  await api.post("/queues/mail/pause", { tenantId: "a" });
  await api.post("/types/debug.noop/pause", {});
  await api.request("PUT", "/tenants/a/limits", { json: { concurrency: 3 } });
  await api.post("/admin/sweep", {});
  const retry = await api.post("/admin/retry-failed", { tenantId: "default" });
  const seen = itemsOf(await api.get("/audit")).toReversed();
  assertEquals(seen.map(({ action, subject, tenantId }) => [action, subject, tenantId]), [
    ["queue.pause", "queues/mail", "a"],
    ["type.pause", "types/debug.noop", null],
    ["tenant.limits", "tenants/a", "a"],
    ["admin.sweep", "admin/sweep", null],
    ["jobs.retry-failed", "jobs", "default"],
  ]);
  assertEquals(Object(seen[2]?.detail).concurrency, 3);
  assertEquals(Object(seen[4]?.detail).operationId, retry.body.operationId);
});

Deno.test("the audit is read by pages and filters", async () => {
  await using api = await testApi();
  for (const name of ["q1", "q2", "q3"]) {
    await api.post(`/queues/${name}/pause`, { tenantId: "a" });
    await api.post(`/queues/${name}/resume`, { tenantId: "b" });
  }
  const subjects = async (query: string) =>
    itemsOf(await api.get(`/audit?${query}`)).map(({ action, subject }) => `${action} ${subject}`);
  assertEquals(await subjects("action=queue.pause"), [
    "queue.pause queues/q3",
    "queue.pause queues/q2",
    "queue.pause queues/q1",
  ]);
  assertEquals((await subjects("action=queue.")).length, 6);
  assertEquals((await subjects("tenantId=b")).length, 3);
  assertEquals((await subjects("who=anonymous&subject=queues/q1")).length, 2);
  assertEquals(await subjects("who=nobody"), []);
  assertEquals(await subjects("until=2020-01-01T00:00:00Z"), []);
  assertEquals((await subjects("from=2020-01-01T00:00:00Z")).length, 6);
  const all = await subjects("limit=100");
  const paged: string[] = [];
  for (let cursor = ""; cursor !== "end";) {
    const page = await api.get(`/audit?limit=4${cursor}`);
    paged.push(...itemsOf(page).map(({ action, subject }) => `${action} ${subject}`));
    cursor = page.body.nextCursor === null ? "end" : `&cursor=${textOf(page.body.nextCursor)}`;
  }
  assertEquals(paged, all);
  assertProblem(await api.get("/audit?cursor=x"), 400, "malformed");
  assertProblem(await api.get("/audit?from=yesterday"), 400, "malformed");
  const long = { "audit-reason": "x".repeat(501) };
  assertProblem(await api.post("/queues/q1/pause", {}, long), 400, "malformed");
});

Deno.test("nobody changes what is recorded", async () => {
  await using api = await testApi();
  await api.post("/queues/q/pause", {});
  for (
    const change of [
      "update perdura.audit set who = 'nobody'",
      "delete from perdura.audit",
      "truncate perdura.audit",
    ]
  ) await assertRejects(() => api.db.sql.unsafe(change), Error, "append-only");
  assertEquals(itemsOf(await api.get("/audit")).length, 1);
});
