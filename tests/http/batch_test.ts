/** `POST /jobs/batch`: in order, all or nothing. */
import { assert, assertEquals } from "@std/assert";
import { limits } from "../../src/core/limits.ts";
import { assertProblem, type Client, countJobs, errorPaths, testApi } from "./support.ts";

const noop = { type: "debug.noop" };

/** Sends lines as `application/x-ndjson`. */
function postLines(api: Client, lines: readonly string[], end = "\n") {
  return api.request("POST", "/jobs/batch", {
    body: lines.map((line) => line + end).join(""),
    headers: { "content-type": "application/x-ndjson" },
  });
}

/** The ids of an answer. */
function idsOf(body: Record<string, unknown>): unknown[] {
  assert(Array.isArray(body.ids), JSON.stringify(body));
  return body.ids;
}

/** The payloads of jobs, in the order of their ids. */
async function payloadsOf(api: Client, ids: readonly unknown[]): Promise<unknown[]> {
  return await Promise.all(ids.map(async (id) => (await api.get(`/jobs/${id}`)).body.payload));
}

Deno.test("POST /jobs/batch answers 201 with ids in the order of the jobs", async () => {
  await using api = await testApi();
  const jobs = Array.from({ length: 50 }, (_, n) => ({ ...noop, payload: n, priority: -n }));
  const { status, body } = await api.post("/jobs/batch", { jobs });
  assertEquals(status, 201);
  assertEquals(Object.keys(body).sort(), ["created", "ids"]);
  assertEquals(body.created, Array(50).fill(true));
  const ids = idsOf(body);
  assertEquals(ids, [...ids].sort(), "ids rise with the order of the batch");
  assertEquals(await payloadsOf(api, ids), jobs.map(({ payload }) => payload));
});

Deno.test("POST /jobs/batch takes lines, with empty ones between and either end of line", async () => {
  await using api = await testApi();
  const lines = [1, 2, 3].map((payload) => JSON.stringify({ ...noop, payload }));
  for (const end of ["\n", "\r\n", "\n\n"]) {
    const { status, body } = await postLines(api, lines, end);
    assertEquals(status, 201);
    assertEquals(await payloadsOf(api, idsOf(body)), [1, 2, 3]);
  }
  assertEquals(await countJobs(api), 9);
});

Deno.test("POST /jobs/batch tells known keys from new ones", async () => {
  await using api = await testApi();
  const keyed = { ...noop, idempotencyKey: "k" };
  const known = await api.post("/jobs", keyed);
  const { status, body } = await api.post("/jobs/batch", { jobs: [noop, keyed, noop] });
  assertEquals([status, body.created], [201, [true, false, true]]);
  assertEquals(idsOf(body)[1], known.body.id);
  assertEquals(await countJobs(api), 3);
});

Deno.test("POST /jobs/batch with one key twice makes one job of the first", async () => {
  await using api = await testApi();
  const jobs = [1, 2].map((payload) => ({ ...noop, payload, idempotencyKey: "k" }));
  const { status, body } = await api.post("/jobs/batch", { jobs: [noop, ...jobs] });
  assertEquals([status, body.created], [201, [true, true, false]]);
  const [, first, second] = idsOf(body);
  assertEquals(second, first);
  assertEquals(await payloadsOf(api, [first]), [1]);
  assertEquals(await countJobs(api), 2);
});

Deno.test("POST /jobs/batch stores nothing when one job is wrong, and names it by its index", async () => {
  await using api = await testApi();
  const mail = (to: string) => ({ type: "email.send", payload: { to, subject: "s" } });
  const good = mail("a@example.org");
  const reply = await api.post("/jobs/batch", { jobs: [good, good, good, mail("nobody"), good] });
  assertProblem(reply, 422, "invalid_input");
  assertEquals(errorPaths(reply), ["jobs.3.payload.to"]);
  const lines = await postLines(api, [good, mail("nobody")].map((job) => JSON.stringify(job)));
  assertEquals(errorPaths(lines), ["jobs.1.payload.to"]);
  const unknown = await api.post("/jobs/batch", { jobs: [good, { type: "no.such" }] });
  assertProblem(unknown, 422, "unknown_type");
  assertEquals(errorPaths(unknown), ["jobs.1.type"]);
  assertEquals(await countJobs(api), 0);
});

Deno.test("POST /jobs/batch names the mistakes of all its jobs at once", async () => {
  await using api = await testApi();
  const jobs = [{ ...noop, priority: 0.5 }, null, noop, { ...noop, delayMs: -1, extra: 1 }];
  const reply = await api.post("/jobs/batch", { jobs });
  assertProblem(reply, 422, "invalid_input");
  assertEquals(errorPaths(reply).sort(), [
    "jobs.0.priority",
    "jobs.1",
    "jobs.3.delayMs",
    "jobs.3.extra",
  ]);
});

Deno.test("POST /jobs/batch names a bounded number of mistakes, however many there are", async () => {
  await using api = await testApi();
  const many = Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`f${n}`, 0]));
  const one = await api.post("/jobs/batch", { jobs: [{ ...noop, ...many }] });
  assertProblem(one, 422, "invalid_input");
  assertEquals(errorPaths(one).length, limits.issuesMax);
  const all = await api.post("/jobs/batch", { jobs: Array(1000).fill({ type: 1 }) });
  assertProblem(all, 422, "invalid_input");
  assertEquals(errorPaths(all).length, limits.issuesMax);
});

Deno.test("POST /jobs/batch takes 10,000 jobs and refuses one more", async () => {
  await using api = await testApi();
  const jobs = Array.from({ length: limits.batchJobsMax }, () => noop);
  const { status, body } = await api.post("/jobs/batch", { jobs });
  assertEquals([status, new Set(idsOf(body)).size], [201, limits.batchJobsMax]);
  for (
    const reply of [
      await api.post("/jobs/batch", { jobs: [...jobs, noop] }),
      await postLines(api, [...jobs, noop].map((job) => JSON.stringify(job))),
    ]
  ) {
    assertProblem(reply, 422, "invalid_input");
    assertEquals(errorPaths(reply), ["jobs"]);
  }
  assertEquals(await countJobs(api), limits.batchJobsMax);
});

Deno.test("POST /jobs/batch refuses what is no batch", async () => {
  await using api = await testApi();
  for (const [json, path] of [[{ jobs: [] }, "jobs"], [{}, "jobs"], [[noop], ""], [null, ""]]) {
    const reply = await api.post("/jobs/batch", json);
    assertProblem(reply, 422, "invalid_input");
    assertEquals(errorPaths(reply), [path]);
  }
  const extra = await api.post("/jobs/batch", { jobs: [noop], atomic: true });
  assertEquals(errorPaths(extra), ["atomic"]);
  assertProblem(await postLines(api, ['{"type":"debug.noop"}', "{"]), 400, "malformed");
  assertProblem(await postLines(api, []), 422, "invalid_input");
  assertEquals(await countJobs(api), 0);
});

Deno.test("POST /jobs/batch refuses a strict key: its conflict would come too late", async () => {
  await using api = await testApi();
  const strict = { ...noop, idempotencyKey: "k", idempotency: "strict" };
  const reply = await api.post("/jobs/batch", { jobs: [noop, strict] });
  assertProblem(reply, 422, "invalid_input");
  assertEquals(errorPaths(reply), ["jobs.1.idempotency"]);
  assertEquals(await countJobs(api), 0);
});

Deno.test("POST /jobs/batch takes the tenant of the query for every job that names none", async () => {
  await using api = await testApi();
  const { body } = await api.post("/jobs/batch?tenantId=acme", { jobs: [noop, noop] });
  for (const id of idsOf(body)) {
    assertEquals((await api.get(`/jobs/${id}`)).body.tenantId, "acme");
  }
  const other = { ...noop, tenantId: "umbrella" };
  const differing = await api.post("/jobs/batch?tenantId=acme", { jobs: [noop, other] });
  assertProblem(differing, 422, "invalid_input");
  assertEquals(errorPaths(differing), ["jobs.1.tenantId"]);
});

Deno.test("POST /jobs/batch refuses a payload that is too large, and stores nothing", async () => {
  await using api = await testApi();
  const large = { ...noop, payload: "x".repeat(limits.payloadBytesMax) };
  const reply = await api.post("/jobs/batch", { jobs: [noop, large] });
  assertProblem(reply, 413, "payload_too_large");
  assertEquals(await countJobs(api), 0);
});

Deno.test("POST /jobs/batch tells all that is wrong, unknown types among it", async () => {
  await using api = await testApi();
  const mail = { type: "email.send", payload: { to: "x", subject: "s" } };
  const mixed = await api.post("/jobs/batch", { jobs: [noop, mail, { type: "no.such" }, 5] });
  assertProblem(mixed, 422, "invalid_input");
  assertEquals(errorPaths(mixed), ["jobs.1.payload.to", "jobs.2.type", "jobs.3"]);
  const types = await api.post("/jobs/batch", { jobs: [{ type: "a" }, noop, { type: "b" }] });
  assertProblem(types, 422, "unknown_type");
  assertEquals(errorPaths(types), ["jobs.0.type", "jobs.2.type"]);
  const then = await api.post("/batches", { jobs: [mail], then: { type: "no.such" } });
  assertProblem(then, 422, "invalid_input");
  assertEquals(errorPaths(then), ["jobs.0.payload.to", "then.type"]);
  assertEquals(await countJobs(api), 0);
});
