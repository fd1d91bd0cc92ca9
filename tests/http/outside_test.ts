/** What clients that know only the contract ask, each in the way that once was answered wrongly. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertProblem, errorPaths, itemsOf, jobIn, testApi, textOf } from "./support.ts";

const JSON_TYPE = { "content-type": "application/json" };

Deno.test("an optional body may be empty, whatever its type says", async () => {
  await using api = await testApi();
  const later = { type: "debug.noop", delayMs: 3_600_000 };
  const { body: { id } } = await api.post("/jobs", later);
  const cancelled = await api.request("POST", `/jobs/${id}/cancel`, { headers: JSON_TYPE });
  assertEquals([cancelled.status, cancelled.body.state], [200, "cancelled"]);
  const failed = await api.request("POST", "/admin/retry-failed", { headers: JSON_TYPE });
  assertEquals([failed.status, failed.body.matched], [202, 0]);
  assertEquals((await api.request("POST", "/admin/retry-failed")).status, 202);
  const empty = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  const chunked = await api.request("POST", `/jobs/${id}/retry`, {
    body: empty,
    headers: { ...JSON_TYPE, "transfer-encoding": "chunked" },
  });
  assertEquals([chunked.status, chunked.body.state], [200, "pending"]);
  assertEquals(errorPaths(await api.post("/admin/sweep", { foo: 1 })), ["foo"]);
});

Deno.test("retry-failed names its own field where a range ends before it begins", async () => {
  await using api = await testApi();
  const range = { from: "2027-01-01T00:00:00Z", to: "2026-01-01T00:00:00Z" };
  assertEquals(errorPaths(await api.post("/admin/retry-failed", range)), ["to"]);
});

Deno.test("a range that begins and ends when a job ended has that job in it", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "dead_letter");
  const { body: { finishedAt: at } } = await api.get(`/jobs/${id}`);
  const range = { from: at, to: at, dryRun: true };
  assertEquals((await api.post("/admin/retry-failed", range)).body.matched, 1);
});

Deno.test("a search takes an instant as it was told", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "succeeded");
  const input = { title: "A chair", approver: "ann" };
  await api.post("/actors", { machine: "approval", id: "chair", input });
  for (
    const [list, one, name, field] of [
      ["/jobs", `/jobs/${id}`, "created", "createdAt"],
      ["/jobs", `/jobs/${id}`, "finished", "finishedAt"],
      ["/actors", "/actors/chair", "updated", "updatedAt"],
    ] as const
  ) {
    const at = (await api.get(one)).body[field];
    for (const [sign, count] of [["<=", 1], [">=", 1], [":", 1], ["<", 0], [">", 0]] as const) {
      const q = encodeURIComponent(`${name}${sign}${at}`);
      assertEquals(itemsOf(await api.get(`${list}?q=${q}`)).length, count, `${name}${sign}`);
    }
  }
});

Deno.test("a requeue whose unique key is taken says so, and by whom", async () => {
  await using api = await testApi();
  const job = { type: "debug.noop", delayMs: 3_600_000, unique: { key: "one" } };
  const { body: { id } } = await api.post("/jobs", job);
  await api.post(`/jobs/${id}/cancel`, {});
  const { body: { id: taker } } = await api.post("/jobs", job);
  const refused = await api.post(`/jobs/${id}/events`, { type: "REQUEUE" });
  assertProblem(refused, 409, "idempotency_conflict");
  assertEquals(refused.body.existing, taker);
  assertMatch(textOf(refused.body.detail), /^Its unique key belongs to job /);
});

Deno.test("fifty triggers, pauses and changes of one schedule at once are all served", async () => {
  await using api = await testApi();
  const schedule = { cron: "0 0 1 1 *", type: "debug.noop" };
  await api.request("PUT", "/schedules/one", { json: schedule });
  const every = Array.from({ length: 50 }, (_, n) => n);
  const triggered = await Promise.all(every.map(() => api.post("/schedules/one/trigger", {})));
  assertEquals(new Set(triggered.map(({ status }) => status)), new Set([201]));
  assertEquals(new Set(triggered.map(({ body }) => body.jobId)).size, 50);
  assertEquals((await api.get("/schedules/one")).body.runCount, 50);
  const changed = await Promise.all(every.map((n) => {
    if (n % 2 === 0) return api.request("PUT", "/schedules/one", { json: schedule });
    return api.post(`/schedules/one/${n % 4 === 1 ? "pause" : "resume"}`, {});
  }));
  assertEquals(new Set(changed.map(({ status }) => status)), new Set([200]));
});

Deno.test("a dry run refuses what the sending would refuse, in the same words", async () => {
  await using api = await testApi();
  const input = { title: "A chair", approver: "ann" };
  await api.post("/actors", { machine: "approval", id: "chair", input });
  for (const event of [{ type: "NOPE" }, { type: "APPROVE" }, { type: "APPROVE", by: 5 }]) {
    const sent = await api.post("/actors/chair/events", event);
    const foreseen = await api.post("/actors/chair/events?dryRun=true", event);
    assert(sent.status >= 400, JSON.stringify(sent.body));
    assertEquals([foreseen.status, foreseen.body], [sent.status, sent.body]);
  }
});

Deno.test("a field that an actor does not know is named, in its input and in an event", async () => {
  await using api = await testApi();
  const input = { title: "A chair", approver: "ann" };
  const start = { machine: "approval", id: "chair", input: { ...input, z: 1 } };
  assertEquals(errorPaths(await api.post("/actors", start)), ["input.z"]);
  await api.post("/actors", { ...start, input });
  const sent = await api.post("/actors/chair/events", { type: "APPROVE", by: "ann", z: 1 });
  assertEquals([sent.status, errorPaths(sent)], [422, ["z"]]);
});

Deno.test("a FAIL without an error says what it wants", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "running");
  const sent = await api.post(`/jobs/${id}/events`, { type: "FAIL" }, { "if-match": '"2"' });
  assertMatch(textOf(sent.body.detail), /^error: Give a text, or \{ name, message, code \}/);
});

Deno.test("a field with several forms says which", async () => {
  await using api = await testApi();
  const sent = await api.post("/batches", { jobs: [{ type: "debug.noop" }], until: "most" });
  assertMatch(textOf(sent.body.detail), /^until: .*"all"\|"any", or expected number/);
});

Deno.test("what is too large in a batch is told by its place, a wrong instant by its form", async () => {
  await using api = await testApi();
  const large = { type: "debug.noop", metadata: { text: "x".repeat(5_000) } };
  const sent = await api.post("/jobs/batch", { jobs: [{ type: "debug.noop" }, large] });
  assertProblem(sent, 413, "payload_too_large");
  assertMatch(textOf(sent.body.detail), /^Metadata of jobs\.1 is larger/);
  const late = await api.post("/jobs", { type: "debug.noop", runAt: "2027-01-01" });
  assertMatch(textOf(late.body.detail), /^runAt: Must be an instant in RFC 3339: "2026/);
});

Deno.test("a body that is packed is told to come as it is", async () => {
  await using api = await testApi();
  const job = { type: "debug.noop" };
  const packed = await api.post("/jobs", job, { "content-encoding": "gzip" });
  assertProblem(packed, 415, "unsupported_media_type");
  assertMatch(textOf(packed.body.detail), /^Content-Encoding "gzip"/);
  assertEquals((await api.post("/jobs", job, { "content-encoding": "identity" })).status, 201);
});

Deno.test("a row of an actor's past has every key that a job's has", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "succeeded");
  const input = { title: "A chair", approver: "ann" };
  await api.post("/actors", { machine: "approval", id: "chair", input });
  const keysOf = async (path: string) =>
    Object.keys(itemsOf(await api.get(`${path}/transitions`))[0] ?? {});
  const own = await keysOf("/actors/chair");
  assertEquals((await keysOf(`/jobs/${id}`)).filter((key) => !own.includes(key)), []);
});

Deno.test("every list takes a limit and a cursor, and refuses what is not one", async () => {
  await using api = await testApi({ withUi: true });
  for (const name of ["a", "b", "c"]) await api.post("/jobs", { type: "debug.noop", queue: name });
  const names: unknown[] = [];
  let cursor = "";
  do {
    const page = await api.get(`/queues?limit=1${cursor}`);
    names.push(...itemsOf(page).map(({ name }) => name));
    cursor = page.body.nextCursor === null ? "" : `&cursor=${page.body.nextCursor}`;
  } while (cursor !== "" && names.length < 9);
  assertEquals(names, ["a", "b", "c", "default"]);
  for (const path of ["/queues", "/breakers", "/keys", "/workers", "/machines"]) {
    assertEquals((await api.get(`${path}?limit=1000`)).status, 200, path);
    for (const query of ["limit=0", "limit=1001", "cursor=no%20such", "foo=1"]) {
      assertProblem(await api.get(`${path}?${query}`), 400, "malformed");
    }
  }
});
