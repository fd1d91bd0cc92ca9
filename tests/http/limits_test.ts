/** Limits, pause, resume and drain over HTTP; what is refused; and what an explanation says of them. */
import { assert, assertEquals } from "@std/assert";
import { SCOPES } from "../../src/core/access.ts";
import { createApp } from "../../src/http/app.ts";
import { debugHandlers } from "../../handlers/debug.ts";
import type { Reason } from "../../src/runtime/explain.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { z } from "zod";
import { assertThrows } from "../std/assert.ts";
import { eventually } from "../support/build.ts";
import { testWorker } from "../support/worker.ts";
import { type Api, assertProblem, errorPaths, itemsOf, testApi, textOf } from "./support.ts";
import { TENANT_SCOPES, tenantsApi } from "./tenants.ts";

function put(api: Api, path: string, json: unknown) {
  return api.request("PUT", path, { json });
}

/** Limits hold at once here: no other process is to be told. */
async function settle(api: Pick<Api, "db">): Promise<void> {
  await api.db.sql`update perdura.gate set settles_at = now() where settles_at is not null`;
  await api.db.store.gates.settle();
}

async function reasonsOf(api: Api, id: string): Promise<[string, string][]> {
  const { body } = await api.get(`/jobs/${id}/explain`);
  assert(Array.isArray(body.reasons));
  return body.reasons.map(({ code, message }) => [code, message]);
}

async function stateOf(api: Api, id: string) {
  return (await api.get(`/jobs/${id}`)).body.state;
}

const limits = { ratePerMinute: 10, burst: 20, concurrency: 3, weight: 2 };
const noLimits = { ratePerMinute: null, burst: null, concurrency: null, weight: 1 };

const paths = [
  "/tenants/acme/limits",
  "/queues/mail/limits",
  "/types/debug.noop/limits",
  "/limit-keys/acme/limits",
];

for (const path of paths) {
  const isTenant = path.startsWith("/tenants");
  const all = { ...limits, ...isTenant ? { backlog: 1_000 } : {} };
  const none = { ...noLimits, ...isTenant ? { backlog: null } : {} };

  Deno.test(`PUT ${path} is what GET gives, and what is left out is no limit`, async () => {
    await using api = await testApi();
    assertEquals((await api.get(path)).body, none);
    const set = await put(api, path, all);
    assertEquals([set.status, set.body], [200, all]);
    assertEquals((await api.get(path)).body, all);
    const rate = await put(api, path, { ratePerMinute: 7 });
    assertEquals(rate.body, { ...none, ratePerMinute: 7, burst: 7 });
    assertEquals((await put(api, path, rate.body)).body, rate.body, "what was got can be put");
    assertEquals((await put(api, path, {})).body, none);
  });

  Deno.test(`PUT ${path} refuses what is no limit, and changes nothing`, async () => {
    await using api = await testApi();
    await put(api, path, all);
    const wrong: [string, unknown][] = [];
    for (const name of Object.keys(all)) {
      for (const value of [0, -1, 1.5, "10", true, 1e12]) {
        wrong.push([name, { ...all, [name]: value }]);
      }
    }
    wrong.push(
      ["burst", { burst: 5 }],
      ["rate", { rate: 5 }],
      ...isTenant ? [] : [["backlog", { backlog: 5 }] as [string, unknown]],
      ["", []],
      ["", null],
      ["", "x"],
    );
    for (const [name, body] of wrong) {
      const reply = await put(api, path, body);
      assertProblem(reply, 422, "invalid_input");
      assertEquals(errorPaths(reply), [name], JSON.stringify(body));
    }
    assertProblem(await api.request("PUT", path, { body: "{" }), 415, "unsupported_media_type");
    assertProblem(await api.get(`${path}?x=1`), 400, "malformed");
    assertEquals((await api.get(path)).body, all);
  });
}

Deno.test("limits are one tenant's; a type's are everybody's unless one is named", async () => {
  await using api = await testApi();
  await put(api, "/queues/mail/limits?tenantId=acme", { concurrency: 1 });
  await put(api, "/queues/mail/limits", { concurrency: 2, tenantId: "other" });
  const of = async (path: string) => (await api.get(path)).body.concurrency;
  assertEquals(await of("/queues/mail/limits?tenantId=acme"), 1);
  assertEquals(await of("/queues/mail/limits?tenantId=other"), 2);
  assertEquals(await of("/queues/mail/limits"), null);
  await put(api, "/types/debug.noop/limits", { concurrency: 5 });
  assertEquals(await of("/types/debug.noop/limits?tenantId=acme"), null);
  const differs = await put(api, "/queues/mail/limits?tenantId=acme", { tenantId: "other" });
  assertProblem(differs, 422, "invalid_input");
  assertProblem(await put(api, "/tenants/a b/limits", {}), 400, "malformed");
  assertProblem(await put(api, "/tenants/a/limits", { tenantId: "b" }), 422, "invalid_input");
});

Deno.test("a paused queue starts nothing until it is resumed", async () => {
  await using api = await testApi();
  const paused = await api.request("POST", "/queues/mail/pause");
  assertEquals([paused.status, paused.body.state], [200, "paused"]);
  assert(typeof paused.body.since === "string");
  const again = await api.request("POST", "/queues/mail/pause");
  assertEquals(again.body.since, paused.body.since);
  await using _worker = testWorker(api.db, debugHandlers);
  const made = await api.post("/jobs", { type: "debug.noop", queue: "mail" });
  assertEquals(made.status, 201);
  const id = textOf(made.body.id);
  const other = await api.post("/jobs?wait=20s", { type: "debug.noop" });
  assertEquals(other.body.state, "succeeded");
  assertEquals(await stateOf(api, id), "pending");
  const [[code, message] = []] = await reasonsOf(api, id);
  assertEquals(code, "queue_paused");
  assert(message?.startsWith('Queue "mail" is paused since '), message);
  const resumed = await api.request("POST", "/queues/mail/resume");
  assertEquals([resumed.body.state, resumed.body.since], ["open", null]);
  await eventually("it runs", async () => await stateOf(api, id) === "succeeded");
});

Deno.test("a queue that is drained or resumed here is so for the very next job", async () => {
  await using api = await testApi();
  const send = () => api.post("/jobs", { type: "debug.noop", queue: "mail" });
  for (let round = 0; round < 3; round++) {
    assertEquals((await send()).status, 201);
    await api.request("POST", "/queues/mail/drain");
    assertProblem(await send(), 429, "rate_limited");
    await api.request("POST", "/queues/mail/resume");
  }
});

Deno.test("a draining queue takes no new jobs and works off those it has", async () => {
  await using api = await testApi();
  const made = await api.post("/jobs", { type: "debug.noop", queue: "mail" });
  const draining = await api.request("POST", "/queues/mail/drain");
  assertEquals(draining.body.state, "draining");
  const job = { type: "debug.noop", queue: "mail" };
  await eventually("new ones are refused", async () => {
    return (await api.post("/jobs", job)).status === 429;
  });
  const refused = await api.post("/jobs", job);
  assertProblem(refused, 429, "rate_limited");
  assertEquals(refused.headers.get("retry-after"), "60");
  assertProblem(await api.post("/jobs/batch", { jobs: [job] }), 429, "rate_limited");
  assertEquals((await api.post("/jobs", { type: "debug.noop" })).status, 201);
  assertEquals((await api.post("/jobs", { ...job, tenantId: "other" })).status, 201);
  await using _worker = testWorker(api.db, debugHandlers);
  const id = textOf(made.body.id);
  await eventually("the old one runs", async () => await stateOf(api, id) === "succeeded");
  await api.request("POST", "/queues/mail/resume");
  await eventually("it takes jobs", async () => (await api.post("/jobs", job)).status === 201);
});

Deno.test("who asks again is answered while the queue drains: by one, by many, by a unique key", async () => {
  await using api = await testApi();
  const to = { type: "debug.noop", queue: "mail" };
  const keyed = { ...to, idempotencyKey: "k", payload: { n: 1 } };
  const alone = { ...to, unique: { key: "u" } };
  const sent = [await api.post("/jobs", keyed), await api.post("/jobs", alone)];
  await api.request("POST", "/queues/mail/drain");
  assertProblem(await api.post("/jobs", to), 429, "rate_limited");
  const again = [await api.post("/jobs", keyed), await api.post("/jobs", alone)];
  assertEquals(again.map(({ status, body }) => [status, body.id]), [
    [200, sent[0]?.body.id],
    [200, sent[1]?.body.id],
  ]);
  const other = { ...keyed, payload: { n: 2 } };
  const differing = await api.post("/jobs", other);
  assertEquals([differing.status, differing.headers.get("idempotency-payload")], [200, "differs"]);
  const strict = await api.post("/jobs", { ...other, idempotency: "strict" });
  assertProblem(strict, 409, "idempotency_conflict");
  const elsewhere = { type: "debug.noop" };
  const batch = await api.post("/jobs/batch", { jobs: [keyed, elsewhere] });
  assertEquals([batch.status, batch.body.created], [201, [false, true]]);
  // What is new is refused, and with it all that came along.
  const fresh = { ...keyed, idempotencyKey: "new" };
  assertProblem(await api.post("/jobs", fresh), 429, "rate_limited");
  const mixed = await api.post("/jobs/batch", { jobs: [keyed, elsewhere, fresh] });
  assertProblem(mixed, 429, "rate_limited");
  const replacing = { ...alone, unique: { key: "u", onWaiting: "replace" } };
  assertProblem(await api.post("/jobs", replacing), 429, "rate_limited");
  // A key that is to be had again is nobody's.
  await api.request("POST", `/jobs/${sent[0]?.body.id}/cancel`);
  assertEquals((await api.post("/jobs", keyed)).status, 200);
  await api.db.sql`update perdura.unique_key set expires_at = now() - interval '1 second'`;
  assertProblem(await api.post("/jobs", keyed), 429, "rate_limited");
  assertEquals((await api.db.sql`select from perdura.job`).length, 2);
});

Deno.test("a job that waits is not moved to a queue that drains, and may be changed in one", async () => {
  await using api = await testApi();
  const ids: string[] = [];
  for (const queue of ["mail", "other"]) {
    ids.push(textOf((await api.post("/jobs", { type: "debug.noop", queue })).body.id));
  }
  const [within, outside] = ids;
  await api.request("POST", "/queues/mail/drain");
  const refusal = await api.post("/jobs", { type: "debug.noop", queue: "mail" });
  const patch = (id: string | undefined, json: unknown) =>
    api.request("PATCH", `/jobs/${id}`, { json });
  const moved = await patch(outside, { queue: "mail", priority: 3 });
  assertProblem(moved, 429, "rate_limited");
  assertEquals(moved.body.detail, refusal.body.detail);
  assertEquals(moved.headers.get("retry-after"), "60");
  assertEquals((await api.get(`/jobs/${outside}`)).body.version, 1);
  const changed = await patch(within, { queue: "mail", priority: 3 });
  assertEquals([changed.status, changed.body.priority], [200, 3]);
  assertEquals((await patch(within, { queue: "other" })).status, 200);
  await api.request("POST", "/queues/mail/resume");
  assertEquals((await patch(outside, { queue: "mail" })).body.queue, "mail");
});

Deno.test("who asks again is answered while its tenant has too many waiting", async () => {
  await using api = await testApi();
  const keyed = { type: "debug.noop", tenantId: "acme", idempotencyKey: "k" };
  const first = await api.post("/jobs", keyed);
  await put(api, "/tenants/acme/limits", { backlog: 1 });
  const { idempotencyKey: _, ...fresh } = keyed;
  assertProblem(await api.post("/jobs", fresh), 429, "rate_limited");
  const again = await api.post("/jobs", keyed);
  assertEquals([again.status, again.body.id], [200, first.body.id]);
  const batch = await api.post("/jobs/batch", { jobs: [keyed, keyed] });
  assertEquals([batch.status, batch.body.created], [201, [false, false]]);
});

Deno.test("a tenant with as many jobs waiting as it may have gets no more: 429", async () => {
  await using api = await testApi();
  await put(api, "/tenants/acme/limits", { backlog: 3 });
  const send = (count: number, tenantId = "acme") => {
    const jobs = Array.from({ length: count }, () => ({ type: "debug.noop", tenantId }));
    return api.post("/jobs/batch", { jobs });
  };
  assertProblem(await send(4), 429, "rate_limited");
  assertEquals((await send(2)).status, 201);
  assertProblem(await send(2), 429, "rate_limited");
  assertEquals((await send(1)).status, 201);
  const refused = await api.post("/jobs", { type: "debug.noop", tenantId: "acme" });
  assertProblem(refused, 429, "rate_limited");
  assertEquals(refused.headers.get("retry-after"), "5");
  assertEquals(refused.body.detail, 'Tenant "acme" has 3 jobs waiting, and may have 3');
  assertEquals((await send(5, "other")).status, 201);
  await using _worker = testWorker(api.db, debugHandlers);
  await eventually("there is room again", async () => (await send(3)).status === 201);
});

Deno.test("queues are listed with their states, counts and limits", async () => {
  await using api = await testApi();
  await api.post("/jobs", { type: "debug.noop", queue: "b" });
  await put(api, "/queues/a/limits", { concurrency: 3 });
  await api.request("POST", "/queues/c/pause");
  await api.request("POST", "/queues/d/pause?tenantId=other");
  const { body } = await api.get("/queues");
  assertEquals(body.nextCursor, null);
  const queues = itemsOf({ status: 200, headers: new Headers(), body });
  assertEquals(queues.map(({ name, state }) => [name, state]), [
    ["a", "open"],
    ["b", "open"],
    ["c", "paused"],
    ["default", "open"],
  ]);
  assertEquals(queues[0]?.limits, { ...noLimits, concurrency: 3 });
  const { pending, running } = Object(queues[1]?.states);
  assertEquals([pending, running], [1, 0]);
  assertEquals(itemsOf(await api.get("/queues?tenantId=other")).map(({ name }) => name), [
    "d",
    "default",
  ]);
});

Deno.test("an explanation names the rate and its refill, the slots and who holds them", async () => {
  await using api = await testApi();
  await put(api, "/tenants/default/limits", { ratePerMinute: 2 });
  await put(api, "/types/debug.sleep/limits", { concurrency: 1 });
  await settle(api);
  await using w = testWorker(api.db, debugHandlers);
  const first = await w.jobs.enqueue({ type: "debug.sleep", payload: { ms: 60_000 } });
  await w.reach(first.id, "running");
  const second = await w.jobs.enqueue({ type: "debug.sleep", payload: { ms: 1 } });
  const [[slots, holders] = []] = await reasonsOf(api, second.id);
  assertEquals(slots, "slots_taken");
  assert(holders?.includes(`1 slots, held by job ${first.id} (worker ${w.worker.id})`), holders);
  await w.run("debug.noop", {});
  const third = await w.jobs.enqueue({ type: "debug.noop" });
  const { body } = await api.get(`/jobs/${third.id}/explain`);
  const [reason] = body.reasons as { code: string; message: string; until: string }[];
  assertEquals([reason?.code, reason?.message], [
    "rate_limited",
    'Tenant "default" may start 2 jobs a minute, and has',
  ]);
  const waitMs = Date.parse(reason?.until ?? "") - Date.now();
  assert(waitMs > 20_000 && waitMs < 70_000, `${waitMs} ms`);
  assertEquals((await reasonsOf(api, second.id)).map(([code]) => code), [
    "rate_limited",
    "slots_taken",
  ]);
});

Deno.test("a limit of all tenants explains itself to each: how full it is, and no job of another", async () => {
  await using api = await tenantsApi();
  const [a, b] = [await api.make("a", ...TENANT_SCOPES), await api.make("b", ...TENANT_SCOPES)];
  const platform = await api.make(null, ...SCOPES);
  const ask = async (key: string, method: string, path: string, body?: unknown) => {
    const headers = method === "POST" ? { "if-match": '"1"' } : {};
    const { status, text } = await api.ask({ method, path, key, body, headers });
    assert(status < 300, `${method} ${path}: ${text}`);
    return JSON.parse(text);
  };
  const limitTo = async (concurrency: number) => {
    await ask(platform, "PUT", "/types/debug.sleep/limits", { concurrency });
    await settle(api);
  };
  const store = async (key: string): Promise<string> =>
    (await ask(key, "POST", "/jobs", { type: "debug.sleep", payload: { ms: 1 } })).id;
  const claim = async (key: string, id: string): Promise<string> =>
    (await ask(key, "POST", `/jobs/${id}/events`, { type: "CLAIM" })).leaseOwner;
  await limitTo(1);
  const [ofB, ofA, waiting] = [await store(b), await store(a), await store(a)];
  const told = async (key: string): Promise<string[]> => {
    const { reasons } = await ask(key, "GET", `/jobs/${waiting}/explain`);
    assert(key !== a || !JSON.stringify(reasons).includes(ofB), "a job of b is named to a");
    return reasons.map(({ code, message }: Reason) => `${code}: ${message}`);
  };
  const noWorker = "no_worker: No worker is alive";
  const heldByB = `job ${ofB} (worker ${await claim(b, ofB)})`;
  const full = 'slots_taken: Type "debug.sleep" has 1 slots, held by';
  assertEquals(await told(a), [`${full} 1 of other tenants`, noWorker]);
  assertEquals(await told(platform), [`${full} ${heldByB}`, noWorker]);
  await limitTo(2);
  assertEquals(await told(a), [noWorker], "one is free");
  const heldByA = `job ${ofA} (worker ${await claim(a, ofA)})`;
  const fuller = 'slots_taken: Type "debug.sleep" has 2 slots, held by';
  assertEquals(await told(a), [`${fuller} ${heldByA}, 1 more`, noWorker]);
  assertEquals(await told(platform), [`${fuller} ${heldByB}, ${heldByA}`, noWorker]);
});

Deno.test("a worker outside passes the same gates: 429, and no attempt spent", async () => {
  await using api = await testApi();
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) {
    ids.push(textOf((await api.post("/jobs", { type: "debug.noop" })).body.id));
  }
  await put(api, "/queues/default/limits", { concurrency: 1 });
  await settle(api);
  const claim = (id: string | undefined, version = 1) =>
    api.post(`/jobs/${id}/events`, { type: "CLAIM" }, { "if-match": `"${version}"` });
  const first = await claim(ids[0]);
  assertEquals([first.status, first.body.state], [200, "running"]);
  const refused = await claim(ids[1]);
  assertProblem(refused, 429, "rate_limited");
  assert(refused.headers.get("retry-after"));
  const { body: job } = await api.get(`/jobs/${ids[1]}`);
  assertEquals([job.state, job.attempt, job.version], ["pending", 0, 1]);
  const end = { type: "SUCCEED", output: null };
  const ended = await api.post(`/jobs/${ids[0]}/events`, end, { "if-match": '"2"' });
  assertEquals(ended.body.state, "succeeded");
  assertEquals((await claim(ids[1])).status, 200, "the slot was given back");
  await api.request("POST", "/queues/default/pause");
  assertProblem(await claim(ids[2]), 429, "rate_limited");
});

Deno.test("a tenant's key may not change what its tenant may do, nor look at another's", async () => {
  await using api = await testApi();
  const permit = () => ({
    tenantId: "acme",
    who: "test",
    may: (scope: string) => scope !== "platform",
  });
  const app = createApp({ jobs: api.jobs, isWritable: () => Promise.resolve(true), permit });
  const send = async (method: string, path: string, json?: unknown) => {
    const init = { method, headers: { "content-type": "application/json" } };
    const body = json === undefined ? null : JSON.stringify(json);
    return (await app.request(path, { ...init, body })).status;
  };
  assertEquals(await send("PUT", "/tenants/acme/limits", {}), 403);
  assertEquals(await send("POST", "/tenants/acme/resume"), 403);
  assertEquals(await send("GET", "/tenants/acme/limits"), 200);
  assertEquals(await send("GET", "/tenants/other/limits"), 404);
  assertEquals(await send("PUT", "/queues/mail/limits", { concurrency: 1 }), 200);
  assertEquals(await send("PUT", "/queues/mail/limits?tenantId=other", {}), 403);
  assertEquals(await send("PUT", "/types/debug.noop/limits", { concurrency: 2 }), 200);
  const gates = await api.db.sql`select tenant_id, kind from perdura.gate order by kind`;
  assertEquals(gates.map((row) => [row.tenant_id, row.kind]), [["acme", 1], ["acme", 2]]);
});

Deno.test("a handler cannot declare what is no limit", () => {
  const declare = (limits: object) => () =>
    defineHandler({ type: "x", input: z.unknown(), limits, handle: () => null });
  declare({ ratePerMinute: 10, concurrency: 2 })();
  for (const limits of [{ concurrency: 0 }, { ratePerMinute: -1 }, { burst: 3 }, { weight: 2 }]) {
    assertThrows(declare(limits));
  }
});
