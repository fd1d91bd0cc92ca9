/** Operations over many jobs: what they choose, what they do to it, and who may. */
import { assert, assertEquals } from "@std/assert";
import { createApp } from "../../src/http/app.ts";
import { eventually } from "../support/build.ts";
import {
  type Api,
  assertProblem,
  errorPaths,
  itemsOf,
  jobIn,
  type Reply,
  testApi,
  textOf,
} from "./support.ts";

async function stateOf(api: Api, id: string) {
  return (await api.get(`/jobs/${id}`)).body.state;
}

function ended(api: Api, started: Reply) {
  assertEquals(started.status, 202, JSON.stringify(started.body));
  return eventually("the operation ends", async () => {
    const { body } = await api.get(`/operations/${textOf(started.body.id)}`);
    return body.state === "done" && body;
  });
}

async function outcomes(api: Api, id: unknown) {
  const items = itemsOf(await api.get(`/operations/${textOf(id)}/items`));
  return new Map(items.map(({ jobId, outcome }) => [jobId, outcome]));
}

Deno.test("requeue by filter: chosen once, each job with its outcome", async () => {
  await using api = await testApi();
  const dead = [await jobIn(api, "dead_letter"), await jobIn(api, "dead_letter")];
  const tagged = await jobIn(api, "dead_letter", { tags: ["x"] });
  const others = [await jobIn(api, "retry"), await jobIn(api, "cancelled")];
  const elsewhere = await jobIn(api, "dead_letter", { tenantId: "other" });
  const asked = { action: "requeue", filter: { state: "dead_letter" } };
  const dry = await api.post("/operations", { ...asked, dryRun: true });
  assertEquals([dry.status, dry.body.operationId, dry.body.matched], [200, null, 3]);
  assert(Array.isArray(dry.body.sample));
  assertEquals(dry.body.sample.map(({ id }) => id), [...dead, tagged]);
  const one = await ended(
    api,
    await api.post("/operations", { action: "requeue", filter: { tag: "x" } }),
  );
  assertEquals([one.matched, one.done, one.skipped], [1, 1, 0]);
  const all = await api.post("/operations", asked);
  assertEquals([all.headers.get("location"), all.body.operationId], [
    `/operations/${all.body.id}`,
    all.body.id,
  ]);
  const done = await ended(api, all);
  assertEquals([done.matched, done.done, done.skipped], [2, 2, 0]);
  assertEquals(await outcomes(api, all.body.id), new Map(dead.map((id) => [id, "done"])));
  for (const id of [...dead, tagged]) assertEquals(await stateOf(api, id), "pending");
  assertEquals(await Promise.all(others.map((id) => stateOf(api, id))), ["retry", "cancelled"]);
  assertEquals(await stateOf(api, elsewhere), "dead_letter");
  const [last] = itemsOf(await api.get(`/jobs/${dead[0]}/transitions`)).toReversed();
  assertEquals([last?.event, last?.cause], ["REQUEUE", `operation ${all.body.id}`]);
});

Deno.test("cancel, reschedule, retry and delete ask the machine about each job", async () => {
  await using api = await testApi();
  // A claim takes all that is due: what is to run comes first.
  const running = await jobIn(api, "running");
  const live = {
    retry: await jobIn(api, "retry"),
    pending: await jobIn(api, "pending"),
    scheduled: await jobIn(api, "scheduled"),
  };
  const runAt = new Date(Date.now() + 3_600_000).toISOString();
  const start = async (action: string, filter: unknown, more = {}) =>
    await ended(api, await api.post("/operations", { action, filter, ...more }));
  assertEquals((await start("reschedule", { ids: [live.pending, live.retry] }, { runAt })).done, 2);
  const later = await api.get(`/jobs/${live.pending}`);
  assertEquals([later.body.state, later.body.runAt], ["scheduled", runAt]);
  assertEquals((await start("retry", { ids: [live.scheduled], state: ["scheduled"] })).done, 1);
  assertEquals(await stateOf(api, live.scheduled), "pending");
  const cancelled = await start("cancel", { ids: [...Object.values(live), running] });
  assertEquals([cancelled.matched, cancelled.done], [4, 4]);
  for (const id of Object.values(live)) assertEquals(await stateOf(api, id), "cancelled");
  const asked = await api.get(`/jobs/${running}`);
  assertEquals([asked.body.state, typeof asked.body.cancelRequestedAt], ["running", "string"]);
  const removed = await start("delete", { state: "cancelled" });
  assertEquals([removed.matched, removed.done], [3, 3]);
  for (const id of Object.values(live)) {
    assertProblem(await api.get(`/jobs/${id}`), 404, "not_found");
  }
});

Deno.test("a state that is only excluded brings nothing that was cancelled back", async () => {
  await using api = await testApi();
  const dead = await jobIn(api, "dead_letter");
  const [cancelled, later] = [await jobIn(api, "cancelled"), await jobIn(api, "scheduled")];
  for (const action of ["requeue", "retry"]) {
    const asked = { action, filter: { q: "-state:succeeded" }, dryRun: true };
    const { body } = await api.post("/operations", asked);
    assertEquals(body.matched, 1, action);
  }
  const named = { action: "requeue", filter: { q: "-state:succeeded state:cancelled" } };
  assertEquals((await ended(api, await api.post("/operations", named))).done, 1);
  assertEquals(await stateOf(api, cancelled), "pending");
  assertEquals([await stateOf(api, dead), await stateOf(api, later)], ["dead_letter", "scheduled"]);
});

Deno.test("a job whose key is taken stays where it is, and the operation says so", async () => {
  await using api = await testApi();
  const first = await jobIn(api, "dead_letter", { idempotencyKey: "k" });
  await api.db.sql`update perdura.unique_key set expires_at = now() - interval '1 s'`;
  const second = await jobIn(api, "pending", { idempotencyKey: "k" });
  assert(first !== second);
  const started = await api.post("/operations", { action: "requeue", filter: { ids: [first] } });
  const done = await ended(api, started);
  assertEquals([done.tenantId, done.done, done.skipped], [null, 0, 1]);
  assertEquals(await outcomes(api, started.body.id), new Map([[first, "key_taken"]]));
  assertEquals(await stateOf(api, first), "dead_letter");
});

Deno.test("one part over plain jobs, keyed ones and cancelled ones: each has its own outcome", async () => {
  await using api = await testApi();
  const plain = await jobIn(api, "dead_letter");
  const taken = await jobIn(api, "dead_letter", { idempotencyKey: "k" });
  await api.db.sql`update perdura.unique_key set expires_at = now() - interval '1 s'`;
  const keyed = await jobIn(api, "dead_letter", { idempotencyKey: "free" });
  const holder = await jobIn(api, "scheduled", { idempotencyKey: "k" });
  const cancelled = await jobIn(api, "cancelled");
  const other = await jobIn(api, "dead_letter", { payload: { n: 2 } });
  const filter = { state: ["dead_letter", "cancelled"] };
  const started = await api.post("/operations", { action: "requeue", filter });
  const done = await ended(api, started);
  assertEquals([done.matched, done.done, done.skipped], [5, 4, 1]);
  const became = await outcomes(api, started.body.id);
  assertEquals(became.get(taken), "key_taken");
  for (const id of [plain, keyed, cancelled, other]) {
    assertEquals([became.get(id), await stateOf(api, id)], ["done", "pending"]);
  }
  assertEquals([await stateOf(api, taken), await stateOf(api, holder)], [
    "dead_letter",
    "scheduled",
  ]);
});

Deno.test("what cannot be meant is refused, and nothing is begun", async () => {
  await using api = await testApi();
  const dead = await jobIn(api, "dead_letter");
  const refused = async (body: unknown, ...paths: string[]) => {
    const reply = await api.post("/operations", body);
    assertProblem(reply, 422, "invalid_input");
    assertEquals(errorPaths(reply), paths);
  };
  await refused({ action: "explode" }, "action");
  await refused({ action: "requeue", filter: { colour: 1 } }, "filter.colour");
  await refused({ action: "requeue", filter: { state: "succeeded" } }, "filter.state");
  await refused({ action: "delete", filter: { state: ["running"] } }, "filter.state");
  await refused({ action: "delete" }, "filter");
  await refused({ action: "cancel", filter: {} }, "filter");
  for (const filter of [{ q: " " }, { q: '""' }, { q: '"" *' }]) {
    await refused({ action: "delete", filter }, "filter");
  }
  await refused({ action: "reschedule", filter: { queue: "q" } }, "runAt");
  await refused({ action: "requeue", runAt: "2030-01-01T00:00:00Z" }, "runAt");
  await refused({ action: "requeue", filter: { type: "none" } }, "filter");
  await refused({ action: "requeue", ratePerSecond: 0 }, "ratePerSecond");
  await refused({ action: "requeue", filter: { tenant: "a" }, tenantId: "b" }, "filter.tenant");
  const [from, to] = ["2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"];
  await refused({ action: "requeue", filter: { from, to } }, "filter.to");
  assertEquals(itemsOf(await api.get("/operations")), []);
  assertEquals(await stateOf(api, dead), "dead_letter");
  const nobody = "018f0000-0000-7000-8000-000000000000";
  for (const path of ["", "/items"]) {
    assertProblem(await api.get(`/operations/${nobody}${path}`), 404, "not_found");
  }
  assertProblem(await api.request("POST", `/operations/${nobody}/stop`), 404, "not_found");
});

Deno.test("stopped half way it rests until it is resumed; the same twice is refused", async () => {
  await using api = await testApi();
  const dead: string[] = [];
  for (let n = 0; n < 3; n++) dead.push(await jobIn(api, "dead_letter"));
  const asked = { action: "requeue", filter: { state: "dead_letter" }, ratePerSecond: 1 };
  const started = await api.post("/operations", asked);
  assertEquals([started.status, started.body.matched, started.body.done], [202, 3, 1]);
  const path = `/operations/${textOf(started.body.id)}`;
  const twice = await api.post("/operations", asked);
  assertProblem(twice, 409, "idempotency_conflict");
  assertEquals(twice.body.existing, started.body.id);
  const stopped = await api.request("POST", `${path}/stop`);
  assertEquals([stopped.status, stopped.body.state, stopped.body.accepts], [200, "stopped", [
    "RESUME",
  ]]);
  assertProblem(await api.request("POST", `${path}/stop`), 409, "transition_rejected");
  const states = await Promise.all(dead.map((id) => stateOf(api, id)));
  assertEquals(states.filter((state) => state === "pending").length, stopped.body.done);
  const late = await jobIn(api, "dead_letter");
  const resumed = await api.request("POST", `${path}/resume`);
  assertEquals(resumed.status, 200);
  const done = await eventually("the operation ends", async () => {
    const { body } = await api.get(path);
    return body.state === "done" && body;
  });
  assertEquals([done.done, done.skipped, done.accepts], [3, 0, []]);
  assertEquals(await stateOf(api, late), "dead_letter");
  assertProblem(await api.request("POST", `${path}/resume`), 409, "transition_rejected");
});

Deno.test("an operator sees and touches the operations of his own tenant alone", async () => {
  await using api = await testApi();
  const mine = await jobIn(api, "dead_letter", { tenantId: "acme" });
  const theirs = await jobIn(api, "dead_letter");
  const app = createApp({
    jobs: api.jobs,
    isWritable: () => api.db.store.isWritable(),
    permit: () => ({ tenantId: "acme", who: "tester", may: () => true }),
  });
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = { "content-type": "application/json" };
    const sent = body === undefined ? {} : { body: JSON.stringify(body), headers };
    const response = await app.request(path, { method, ...sent });
    return { status: response.status, body: await response.json() };
  };
  const other = await api.post("/operations", { action: "requeue", filter: { ids: [theirs] } });
  await ended(api, other);
  const theirPath = `/operations/${textOf(other.body.id)}`;
  for (const path of [theirPath, `${theirPath}/items`]) {
    assertEquals((await call("GET", path)).status, 404);
  }
  assertEquals((await call("POST", `${theirPath}/stop`)).status, 404);
  assertEquals((await call("GET", "/operations")).body.items, []);
  const stolen = await call("POST", "/operations", {
    action: "requeue",
    filter: { tenant: "default" },
  });
  assertEquals(stolen.status, 422);
  const own = await call("POST", "/operations", {
    action: "requeue",
    filter: { ids: [mine, theirs] },
  });
  assertEquals([own.status, own.body.matched, own.body.tenantId], [202, 1, "acme"]);
  assertEquals(own.body.requestedBy, "tester");
  const audit = (await call("GET", "/audit")).body.items;
  assertEquals(
    audit.map(({ who, action, subject }: Record<string, unknown>) => [who, action, subject]),
    [
      ["tester", "operation.start", `operations/${own.body.id}`],
    ],
  );
  assertEquals((await call("GET", "/operations")).body.items.length, 1);
  await eventually("it ends", async () => {
    return (await call("GET", `/operations/${own.body.id}`)).body.state === "done";
  });
});

Deno.test("the actor of an operation is there to be looked at, not to be changed", async () => {
  await using api = await testApi();
  await jobIn(api, "dead_letter");
  const started = await api.post("/operations", { action: "requeue" });
  await ended(api, started);
  const id = textOf(started.body.id);
  const actor = await api.get(`/actors/${id}`);
  assertEquals([actor.status, actor.body.machine, actor.body.status], [
    200,
    "perdura.operation",
    "done",
  ]);
  const past = itemsOf(await api.get(`/actors/${id}/transitions`));
  assertEquals(past.map(({ event, to }) => [event, to]), [["START", "running"], [
    "PART_DONE",
    "done",
  ]]);
  assertEquals(itemsOf(await api.get("/actors")), []);
  assertEquals(itemsOf(await api.get("/actors?machine=perdura.operation")).length, 1);
  assertProblem(await api.post(`/actors/${id}/events`, { type: "PART_DONE" }), 403, "forbidden");
  assertProblem(await api.post(`/actors/${id}/terminate`, {}), 403, "forbidden");
  const forged = await api.post("/actors", {
    machine: "perdura.operation",
    input: { parts: 1, restMs: 0 },
  });
  assertProblem(forged, 422, "unknown_machine");
});
