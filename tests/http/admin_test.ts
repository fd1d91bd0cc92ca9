/** The routes of operators over many jobs, the typed endpoints, waiting, and who may. */
import { assert, assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { eventually } from "../support/build.ts";
import { testWorker } from "../support/worker.ts";
import { debugHandlers } from "../../handlers/debug.ts";
import { type Api, assertProblem, errorPaths, itemsOf, jobIn, testApi, textOf } from "./support.ts";

async function stateOf(api: Api, id: string) {
  return (await api.get(`/jobs/${id}`)).body.state;
}

Deno.test("retry-failed counts exactly, and brings back what failed, never what was cancelled", async () => {
  await using api = await testApi();
  const dead = [await jobIn(api, "dead_letter"), await jobIn(api, "dead_letter")];
  const retry = await jobIn(api, "retry");
  const others = [await jobIn(api, "cancelled"), await jobIn(api, "scheduled")];
  const elsewhere = await jobIn(api, "dead_letter", { tenantId: "other" });
  const dry = await api.post("/admin/retry-failed", { dryRun: true });
  assertEquals([dry.status, dry.body], [202, { operationId: null, matched: 3 }]);
  assertEquals(await stateOf(api, retry), "retry");
  const one = await api.post("/admin/retry-failed", { ids: [dead[0]] });
  assertEquals(one.body.matched, 1);
  const none = await api.post("/admin/retry-failed", { to: "2001-01-01T00:00:00Z" });
  assertEquals(none.body.matched, 0);
  for (const filter of [{ type: "email.send" }, { error: "no such text" }]) {
    assertEquals((await api.post("/admin/retry-failed", filter)).body.matched, 0);
  }
  const all = await api.post("/admin/retry-failed", { from: "2001-01-01T00:00:00Z" });
  assertEquals([all.status, Number(all.body.matched) >= 2], [202, true]);
  const done = await eventually("the operation", async () => {
    const { body } = await api.get(`/operations/${all.body.operationId}`);
    return body.state === "done" && body;
  });
  assertEquals(Number(done.done) + Number(done.skipped) <= Number(done.matched), true);
  for (const id of [...dead, retry]) assertEquals(await stateOf(api, id), "pending");
  assertEquals(await Promise.all(others.map((id) => stateOf(api, id))), ["cancelled", "scheduled"]);
  assertEquals(await stateOf(api, elsewhere), "dead_letter");
  const list = itemsOf(await api.get("/operations"));
  assert(list.length >= 2 && list[0]?.id === all.body.operationId);
  const last = itemsOf(await api.get(`/jobs/${dead[1]}/transitions`)).at(-1);
  assertEquals([last?.event, last?.cause], ["REQUEUE", "retry-failed"]);
});

Deno.test("dead letters are listed and requeued one by one", async () => {
  await using api = await testApi();
  const ids = [await jobIn(api, "dead_letter"), await jobIn(api, "dead_letter")];
  await jobIn(api, "succeeded");
  const first = await api.get("/dead-letters?limit=1");
  const second = await api.get(`/dead-letters?limit=1&cursor=${first.body.nextCursor}`);
  const seen = [...itemsOf(first), ...itemsOf(second)].map(({ id }) => id);
  assertEquals(seen, ids.toReversed());
  const requeued = await api.request("POST", `/admin/requeue-deadletter/${ids[0]}`);
  assertEquals([requeued.status, requeued.body.state, requeued.body.attempt], [200, "pending", 0]);
  const again = await api.request("POST", `/admin/requeue-deadletter/${ids[0]}`);
  assertProblem(again, 409, "transition_rejected");
});

Deno.test("tenants exist from their first job, and are listed by name", async () => {
  await using api = await testApi();
  for (const tenantId of ["c", "a", "b"]) await jobIn(api, "pending", { tenantId });
  const first = await api.get("/tenants?limit=2");
  assertEquals(itemsOf(first).map(({ id }) => id), ["a", "b"]);
  const second = await api.get(`/tenants?limit=2&cursor=${first.body.nextCursor}`);
  assertEquals(itemsOf(second).map(({ id }) => id), ["c"]);
});

Deno.test("a tenant's jobs come by offset too, live and ended together, with their number", async () => {
  await using api = await testApi();
  const ids: string[] = [];
  for (const state of ["succeeded", "pending", "dead_letter", "cancelled"] as const) {
    ids.push(await jobIn(api, state, { tenantId: "acme" }));
  }
  const page = (query: string) => api.get(`/tenants/acme/jobs${query}`);
  const all = await page("");
  assertEquals(itemsOf(all).map(({ id }) => id), ids.toReversed());
  assertEquals([all.body.limit, all.body.offset, all.body.total], [50, 0, 4]);
  for (let offset = 0; offset < 6; offset++) {
    const { body } = await page(`?limit=2&offset=${offset}`);
    const seen = itemsOf({ body, status: 200, headers: new Headers() }).map(({ id }) => id);
    assertEquals(seen, ids.toReversed().slice(offset, offset + 2));
  }
  assertEquals((await page("?offset=-1")).status, 400);
  assertEquals((await api.get("/tenants/nobody/jobs")).body, {
    items: [],
    limit: 50,
    offset: 0,
    total: 0,
  });
});

Deno.test("lists filter by tag, key and text, and page through what matches little", async () => {
  await using api = await testApi();
  const key = "order 4711";
  const id = await jobIn(api, "succeeded", { tags: ["rare"], payload: { city: "Größe" } });
  const keyed = await jobIn(api, "pending", { idempotencyKey: key, queue: "q" });
  const found = async (query: string) =>
    itemsOf(await api.get(`/jobs?${query}`)).map((job) => job.id);
  assertEquals(await found("tag=rare"), [id]);
  assertEquals(await found("q=GR%C3%96SSE"), []);
  assertEquals(await found("q=gr%C3%B6%C3%9Fe"), [id]);
  assertEquals(await found("q=4711"), [keyed]);
  assertEquals([await found(`q=${id}`), await found(`q=${id}&tenantId=other`)], [[id], []]);
  assertEquals(await found(`idempotencyKey=${encodeURIComponent(key)}`), [keyed]);
  assertEquals(await found(`idempotencyKey=${encodeURIComponent(key)}&queue=x`), []);
  assertEquals(await found("idempotencyKey=none"), []);
  assertEquals(await found("tag=rare&state=pending"), []);
  assertEquals(await found("q=100%25"), []);
  for (const query of ["q=", "tag=", "q=%00", "idempotencyKey=%00"]) {
    assertProblem(await api.get(`/jobs?${query}`), 400, "malformed");
  }
});

Deno.test("a typed endpoint takes the options and the payload of its handler", async () => {
  await using api = await testApi();
  const made = await api.post("/types/debug.sleep/jobs", { payload: { ms: 5 }, priority: 3 });
  assertEquals([made.status, made.body.type, made.body.priority], [201, "debug.sleep", 3]);
  const wrong = await api.post("/types/debug.sleep/jobs", { payload: { ms: "x" }, more: 1 });
  assertEquals(errorPaths(wrong), ["more"]);
  assertEquals(errorPaths(await api.post("/types/debug.sleep/jobs", { payload: {} })), [
    "payload.ms",
  ]);
  const typed = await api.post("/types/debug.sleep/jobs", { type: "debug.noop" });
  assertEquals(errorPaths(typed), ["type"]);
  assertProblem(await api.post("/types/none/jobs", {}), 422, "unknown_type");
});

Deno.test("wait answers 200 with the finished job, or 202 when the time is over", async () => {
  await using api = await testApi();
  const late = await api.post("/jobs?wait=50ms", { type: "debug.noop", delayMs: 60_000 });
  assertEquals([late.status, late.body.state], [202, "scheduled"]);
  assertEquals(late.headers.get("location"), `/jobs/${late.body.id}`);
  await using _runtime = testWorker(api.db, debugHandlers);
  const done = await api.post("/jobs?wait=30s", { type: "debug.noop", payload: 1 });
  assertEquals([done.status, done.body.state], [200, "succeeded"]);
  for (const wait of ["30", "-1s", "61s", "1h", ""]) {
    assertProblem(await api.post(`/jobs?wait=${wait}`, { type: "debug.noop" }), 400, "malformed");
  }
});

Deno.test("what a credential may not do is 403, and its tenant is its own", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const app = createApp({
    jobs: api.jobs,
    isWritable: () => api.db.store.isWritable(),
    permit: () => ({
      tenantId: "acme",
      who: "test",
      may: (scope) => scope !== "worker" && scope !== "platform",
    }),
  });
  const status = async (method: string, path: string, body: unknown = {}) => {
    const json = method === "GET" ? null : JSON.stringify(body);
    const headers = { "content-type": "application/json" };
    return (await app.request(path, { method, body: json, headers })).status;
  };
  assertEquals(await status("GET", `/jobs/${id}`), 404);
  assertEquals(await status("GET", "/jobs?tenantId=default"), 403);
  assertEquals(await status("POST", "/admin/sweep"), 403);
  assertEquals(await status("POST", "/jobs", { type: "debug.noop", tenantId: "default" }), 422);
  const made = await app.request("/jobs", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"type":"debug.noop"}',
  });
  const job = await made.json();
  assertEquals(job.tenantId, "acme");
  // The state comes first: what nobody could do now is a conflict for everybody.
  const event = (type: string) => status("POST", `/jobs/${textOf(job.id)}/events`, { type });
  assertEquals([await event("SUCCEED"), await event("CLAIM")], [409, 403]);
});
