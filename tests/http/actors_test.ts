/** The routes of actors, on a real database, with the sample machines. */
import { assert, assertEquals } from "@std/assert";
import { assertProblem, errorPaths, testApi } from "./support.ts";

const input = { title: "A new chair", approver: "ada" };

Deno.test("an approval: started, decided, and looked at", async () => {
  await using api = await testApi();
  const started = await api.post("/actors", { machine: "approval", id: "chair", input });
  assertEquals([started.status, started.headers.get("location")], [201, "/actors/chair"]);
  assertEquals(started.headers.get("etag"), '"1"');
  assertEquals([started.body.state, started.body.tags], ["pending.waiting", ["waiting"]]);
  assertEquals(started.body.accepts, ["APPROVE", "REJECT"]);
  assertEquals(Array.isArray(started.body.timers) && started.body.timers.length, 1);
  const again = await api.post("/actors", { machine: "approval", id: "chair", input });
  assertEquals([again.status, again.body.version], [200, 1]);
  const other = { ...input, title: "A table" };
  const conflict = await api.post("/actors", { machine: "approval", id: "chair", input: other });
  assertProblem(conflict, 409, "idempotency_conflict");

  const sent = await api.post("/actors/chair/events", { type: "APPROVE", by: "ada" });
  assertEquals([sent.status, sent.body.outcome], [200, "handled"]);
  const { body } = await api.get("/actors/chair");
  assertEquals([body.status, body.state, body.version], ["done", "approved", 2]);
  assertEquals(body.output, { decision: "approved", by: "ada", reason: null });
  assertEquals([body.timers, body.accepts], [[], []]);
  const late = await api.post("/actors/chair/events", { type: "APPROVE", by: "ada" });
  assertProblem(late, 409, "transition_rejected");
  assertEquals([late.body.accepts, late.body.state, late.body.version], [[], "approved", 2]);

  const { body: past } = await api.get("/actors/chair/transitions");
  assert(Array.isArray(past.items));
  assertEquals(past.items.map(({ version, event, to }) => [version, event, to]), [
    [1, "START", "pending.waiting"],
    [2, "APPROVE", "approved"],
  ]);
  const { body: last } = await api.get("/actors/chair/transitions?last=1");
  assertEquals(last, { items: past.items.slice(1), nextCursor: null });
  assertProblem(await api.get("/actors/chair/transitions?last=1&limit=1"), 400, "malformed");
  const first = await api.get("/actors/chair?version=1");
  assertEquals([first.body.state, first.body.status], ["pending.waiting", "active"]);
  assertEquals(first.body.timers, started.body.timers, "what was armed then");
  const waited = await api.get("/actors/chair/wait?until=done&timeoutMs=100");
  assertEquals([waited.status, waited.body.state], [200, "approved"]);
  assertEquals((await api.get("/actors/chair/wait?until=tag:none&timeoutMs=1")).status, 204);
});

Deno.test("as it was, work is under way that has been left since; its job says whose it is", async () => {
  await using api = await testApi();
  const order = { machine: "order", id: "a lamp", input: { total: 5, items: ["lamp"] } };
  const { body: started } = await api.post("/actors", order);
  assert(Array.isArray(started.activities) && started.activities.length === 1);
  const [{ id, src, jobId }] = started.activities;
  const { body: job } = await api.get(`/jobs/${jobId}`);
  assertEquals([job.type, job.parentId], ["order/reserve", "a lamp"]);
  const cancelled = await api.post("/actors/a%20lamp/events", { type: "CANCEL" });
  assertEquals([cancelled.status, cancelled.body.outcome], [200, "handled"]);
  const { body: now } = await api.get("/actors/a%20lamp");
  const { body: then } = await api.get("/actors/a%20lamp?version=1");
  assertEquals([now.activities, then.activities], [[], [{ id, src, jobId: null }]]);
  assertEquals(then.timers, started.timers);
});

Deno.test("what is wrong with a request is said, and nothing is stored", async () => {
  await using api = await testApi();
  assertProblem(await api.post("/actors", { machine: "nobody" }), 422, "unknown_machine");
  const nobody = await api.get("/actors/no%20%C3%A9%2F1");
  assertProblem(nobody, 404, "not_found");
  assertEquals(nobody.body.instance, "/actors/no%20%C3%A9%2F1");
  const wrong = await api.post("/actors", { machine: "approval", input: { title: 7 } });
  assertProblem(wrong, 422, "invalid_input");
  assertEquals(errorPaths(wrong).toSorted(), ["input.approver", "input.title"]);
  assertProblem(await api.post("/actors", { machine: "approval", nme: 1 }), 422, "invalid_input");
  assertProblem(await api.get("/actors/nobody"), 404, "not_found");
  await api.post("/actors", { machine: "approval", id: "a", input });
  const send = (event: unknown, query = "", headers = {}) =>
    api.post(`/actors/a/events${query}`, event, headers);
  assertProblem(await send({ type: "xstate.done.actor.x" }), 422, "invalid_input");
  const shape = await send({ type: "APPROVE" });
  assertProblem(shape, 422, "invalid_input");
  assertEquals(errorPaths(shape), ["by"]);
  const refused = await send({ type: "SHIP" });
  assertProblem(refused, 409, "transition_rejected");
  assertEquals(refused.body.accepts, ["APPROVE", "REJECT"]);
  const approve = { type: "APPROVE", by: "ada" };
  assertProblem(await send(approve, "", { "if-match": '"9"' }), 412, "version_conflict");
  assertProblem(await send(approve, "?frobnicate=1"), 400, "malformed");
  assertProblem(await api.get("/actors/a/wait?until=soon"), 400, "malformed");
  assertProblem(await api.get("/actors/a?version=9"), 404, "not_found");
  const { body } = await api.get("/actors/a");
  assertEquals([body.version, body.state], [1, "pending.waiting"]);
});

Deno.test("a dry run tells what would happen; async answers before the turn", async () => {
  await using api = await testApi();
  await api.post("/actors", { machine: "approval", id: "a", input });
  const approve = { type: "APPROVE", by: "ada" };
  const seen = await api.post("/actors/a/events?dryRun=true", approve);
  assertEquals([seen.status, seen.body.outcome, seen.body.to], [200, "handled", "approved"]);
  assertEquals((await api.get("/actors/a")).body.version, 1);
  const posted = await api.post("/actors/a/events?async=true&dedupeKey=k", approve);
  const twice = await api.post("/actors/a/events?async=true&dedupeKey=k", approve);
  assertEquals([posted.status, twice.status], [202, 202]);
  assertEquals(posted.body.mailId, twice.body.mailId);
  while (await api.turner.turnOnce() > 0);
  assertEquals((await api.get("/actors/a")).body.state, "approved");
});

Deno.test("pause, resume, cancel, terminate", async () => {
  await using api = await testApi();
  for (const id of ["a", "b", "c"]) {
    await api.post("/actors", { machine: "approval", id, input });
  }
  assertEquals((await api.post("/actors/a/pause", {})).body.status, "paused");
  assertProblem(await api.post("/actors/a/pause", {}), 409, "transition_rejected");
  const kept = await api.post("/actors/a/events", { type: "APPROVE", by: "ada" });
  assertEquals([kept.body.outcome, kept.body.reason], ["deferred", "paused"]);
  while (await api.turner.turnOnce() > 0);
  assertEquals((await api.get("/actors/a")).body.state, "pending.waiting");
  assertEquals((await api.post("/actors/a/resume", {})).body.status, "active");
  while (await api.turner.turnOnce() > 0);
  assertEquals((await api.get("/actors/a")).body.state, "approved");

  const cancelled = await api.post("/actors/b/cancel", { reason: "no money" });
  assertEquals([cancelled.body.status, cancelled.body.timers], ["cancelled", []]);
  assertProblem(await api.post("/actors/b/cancel", {}), 409, "transition_rejected");
  const ended = await api.post("/actors/c/terminate", { reason: "enough" });
  assertEquals([ended.body.status, ended.body.timers], ["terminated", []]);
  const { body } = await api.get("/actors?machine=approval&status=cancelled");
  assert(Array.isArray(body.items));
  assertEquals(body.items.map(({ id }) => id), ["b"]);
});

Deno.test("fork and rewind go back to a version of the past", async () => {
  await using api = await testApi();
  await api.post("/actors", { machine: "approval", id: "a", input });
  await api.post("/actors/a/events", { type: "REJECT", by: "bo", reason: "too red" });
  const forked = await api.post("/actors/a/fork", { at: 1, as: "b" });
  assertEquals([forked.status, forked.body.state], [201, "pending.waiting"]);
  assertEquals(forked.body.forkedFrom, { actor: "a", version: 1 });
  await api.post("/actors/b/events", { type: "APPROVE", by: "ada" });
  assertEquals((await api.get("/actors/b")).body.state, "approved");
  assertEquals((await api.get("/actors/a")).body.state, "rejected");
  const back = await api.post("/actors/a/rewind", { at: 1 });
  assertEquals([back.status, back.body.state, back.body.version], [200, "pending.waiting", 3]);
  assertEquals(Array.isArray(back.body.timers) && back.body.timers.length, 1);
  await api.post("/actors/a/events", { type: "APPROVE", by: "ada" });
  assertEquals((await api.get("/actors/a")).body.output, {
    decision: "approved",
    by: "ada",
    reason: null,
  });
  for (const at of [99, 2 ** 31, 1e15]) {
    for (const verb of ["fork", "rewind"]) {
      assertProblem(await api.post(`/actors/a/${verb}`, { at }), 404, "not_found");
    }
  }
});

Deno.test("an id may be any string of 1 to 200 characters", async () => {
  await using api = await testApi();
  const ids = [
    "a b",
    "a/b",
    "/",
    "a/b/c/",
    "100%",
    "a%2Fb",
    "%25",
    "Grüße/日本語",
    "🦊🦊",
    "?q=1&x#y",
    "tab\tand\nline",
    "'; drop table perdura.actor; --",
    // Neighbours: of two, one is the last of a page of two.
    "y".repeat(200),
    "z".repeat(200),
    "…".repeat(200),
  ];
  for (const id of ids) {
    const path = `/actors/${encodeURIComponent(id)}`;
    const started = await api.post("/actors", { machine: "approval", id, input });
    assertEquals([started.status, started.body.id], [201, id]);
    assertEquals(started.headers.get("location"), path);
    assertEquals((await api.post("/actors", { machine: "approval", id, input })).status, 200);
    assertEquals((await api.get(path)).body.id, id);
    const sent = await api.post(`${path}/events`, { type: "APPROVE", by: "ada" });
    assertEquals([sent.status, sent.body.outcome], [200, "handled"]);
    const { items } = (await api.get(`${path}/transitions`)).body;
    assertEquals(Array.isArray(items) && items.length, 2);
    const fork = await api.post(`${path}/fork`, { at: 1 });
    assertEquals([fork.status, fork.body.forkedFrom], [201, { actor: id, version: 1 }]);
  }
  const seen: unknown[] = [];
  for (let cursor: unknown = ""; cursor !== null;) {
    const { body } = await api.get(`/actors?limit=2&cursor=${encodeURIComponent(String(cursor))}`);
    assert(Array.isArray(body.items));
    seen.push(...body.items.map(({ id }) => id));
    cursor = body.nextCursor;
  }
  assertEquals(ids.filter((id) => seen.filter((each) => each === id).length !== 1), []);
  // Clients resolve the last two: they would never come by in an address.
  for (const id of ["", "…".repeat(201), "a\0b", "\ud800", ".", ".."]) {
    const refused = await api.post("/actors", { machine: "approval", id, input });
    assertProblem(refused, 422, "invalid_input");
    assertEquals(errorPaths(refused), ["id"]);
  }
});
