/** `POST /jobs`: what is stored, what is answered, and that nothing else is. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { limits } from "../../src/core/limits.ts";
import { openStore } from "../../src/store/open.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { Proxy } from "../support/proxy.ts";
import {
  assertProblem,
  clientOf,
  countJobs,
  errorPaths,
  itemsOf,
  testApi,
  textOf,
} from "./support.ts";

/** The resource as CONTRACT lists it. */
const JOB_KEYS = [
  "id",
  "tenantId",
  "type",
  "queue",
  "state",
  "version",
  "attempt",
  "maxAttempts",
  "crashes",
  "priority",
  "payload",
  "output",
  "progress",
  "lastError",
  "runAt",
  "createdAt",
  "startedAt",
  "finishedAt",
  "leaseOwner",
  "leaseUntil",
  "partitionKey",
  "orderingKey",
  "limitKey",
  "idempotencyKey",
  "tags",
  "metadata",
  "clonedFrom",
  "parentId",
  "cancelRequestedAt",
  "accepts",
];

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

Deno.test("POST /jobs answers 201 with the whole resource, its place and its version", async () => {
  await using api = await testApi();
  const reply = await api.post("/jobs", { type: "debug.noop" });
  assertEquals(reply.status, 201);
  const { id, runAt, createdAt, ...rest } = reply.body;
  assertMatch(textOf(id), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assertMatch(textOf(runAt), INSTANT);
  assertMatch(textOf(createdAt), INSTANT);
  assertEquals(rest, {
    tenantId: "default",
    type: "debug.noop",
    queue: "default",
    state: "pending",
    version: 1,
    attempt: 0,
    maxAttempts: 3,
    maxCrashes: 3,
    crashes: 0,
    priority: 0,
    payload: {},
    output: null,
    progress: null,
    lastError: null,
    startedAt: null,
    finishedAt: null,
    leaseOwner: null,
    leaseUntil: null,
    partitionKey: null,
    orderingKey: null,
    limitKey: null,
    idempotencyKey: null,
    tags: [],
    metadata: null,
    clonedFrom: null,
    parentId: null,
    cancelRequestedAt: null,
    timeoutMs: 900_000,
    backoff: null,
    accepts: ["SCHEDULE", "CANCEL"],
  });
  assertEquals(JOB_KEYS.filter((key) => !(key in reply.body)), []);
  assertEquals(reply.headers.get("location"), `/jobs/${id}`);
  assertEquals(reply.headers.get("etag"), '"1"');
  assertEquals((await api.get(`/jobs/${id}`)).body, reply.body);
});

Deno.test("POST /jobs stores every field it is given", async () => {
  await using api = await testApi();
  const job = {
    type: "email.send",
    payload: { to: "a@example.org", subject: "Grüße 😀", body: 'a\n"b"\\,{c},NULL\u2028' },
    tenantId: "acme",
    queue: "mail",
    priority: -32768,
    maxAttempts: 1000,
    maxCrashes: 100,
    backoff: { baseMs: 5, factor: 1.5, capMs: 10 },
    timeoutMs: 1,
    idempotencyKey: 'k "ey\\, 😀',
    partitionKey: "eu/1",
    tags: ["b", "a", 'c,"d'],
    metadata: { "": [null, 1e300, -0.5], "k\n": {} },
  };
  const { status, body } = await api.post("/jobs", job);
  assertEquals(status, 201);
  for (const [key, value] of Object.entries(job)) assertEquals<unknown>(body[key], value, key);
});

Deno.test("POST /jobs schedules a job with a future time, and shows both rows of its history", async () => {
  await using api = await testApi();
  for (const when of [{ runAt: "2999-01-01T01:00:00+01:00" }, { delayMs: 60_000 }]) {
    const { status, body } = await api.post("/jobs", { type: "debug.noop", ...when });
    assertEquals([status, body.state, body.version], [201, "scheduled", 2]);
    assertEquals(body.accepts, ["SCHEDULE", "CANCEL", "RETRY_NOW"]);
    if ("runAt" in when) assertEquals(body.runAt, "2999-01-01T00:00:00.000Z");
    else assert(textOf(body.runAt) > textOf(body.createdAt));
    const rows = itemsOf(await api.get(`/jobs/${body.id}/transitions`));
    assertEquals(rows.map(({ version, from, event, to }) => [version, from, event, to]), [
      [1, null, "ENQUEUE", "pending"],
      [2, "pending", "SCHEDULE", "scheduled"],
    ]);
  }
});

Deno.test("POST /jobs takes a time in the past, however written, for now", async () => {
  await using api = await testApi();
  for (
    const runAt of ["2001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "2001-01-01T00:00:00+23:59"]
  ) {
    const { status, body } = await api.post("/jobs", { type: "debug.noop", runAt });
    assertEquals([status, body.state, body.version], [201, "pending", 1], runAt);
    assert(textOf(body.runAt) >= textOf(body.createdAt));
  }
});

Deno.test("POST /jobs keeps the last year there is, and refuses the next", async () => {
  await using api = await testApi();
  const last = await api.post("/jobs", { type: "debug.noop", runAt: "9999-12-31T23:59:59.999Z" });
  assertEquals(last.body.runAt, "9999-12-31T23:59:59.999Z");
  const beyond = "9999-12-31T23:59:59.999-00:01";
  const refused = await api.post("/jobs", { type: "debug.noop", runAt: beyond });
  assertProblem(refused, 422, "invalid_input");
  assertEquals(errorPaths(refused), ["runAt"]);
});

Deno.test("POST /jobs takes a payload of one mebibyte, and refuses a byte more with 413", async () => {
  await using api = await testApi();
  const payload = "x".repeat(limits.payloadBytesMax - 2);
  const { status, body } = await api.post("/jobs", { type: "debug.noop", payload });
  assertEquals(status, 201);
  assertEquals((await api.get(`/jobs/${body.id}`)).body.payload, payload);
  const tooLarge = await api.post("/jobs", { type: "debug.noop", payload: `${payload}x` });
  assertProblem(tooLarge, 413, "payload_too_large");
  assertEquals(tooLarge.body.limit, limits.payloadBytesMax);
  // Not more characters, but more bytes.
  const wide = await api.post("/jobs", { type: "debug.noop", payload: `é${payload.slice(1)}` });
  assertProblem(wide, 413, "payload_too_large");
  assertEquals(await countJobs(api), 1);
});

Deno.test("POST /jobs measures metadata in bytes too", async () => {
  await using api = await testApi();
  const metadata = { a: "漢".repeat(1362) };
  assertEquals((await api.post("/jobs", { type: "debug.noop", metadata })).status, 201);
  const wide = { a: "漢".repeat(1363) };
  const tooLarge = await api.post("/jobs", { type: "debug.noop", metadata: wide });
  assertProblem(tooLarge, 413, "payload_too_large");
  assertEquals(tooLarge.body.limit, limits.metadataBytesMax);
});

Deno.test("POST /jobs takes a payload of 64 levels", async () => {
  await using api = await testApi();
  const payload = JSON.parse("[".repeat(64) + "]".repeat(64));
  const { status, body } = await api.post("/jobs", { type: "debug.noop", payload });
  assertEquals([status, JSON.stringify(body.payload)], [201, "[".repeat(64) + "]".repeat(64)]);
});

Deno.test("POST /jobs takes the tenant from the body or the query, but not two of them", async () => {
  await using api = await testApi();
  const job = { type: "debug.noop" };
  const byBody = await api.post("/jobs", { ...job, tenantId: "acme" });
  assertEquals(byBody.body.tenantId, "acme");
  const byQuery = await api.post("/jobs?tenantId=acme", job);
  assertEquals(byQuery.body.tenantId, "acme");
  const both = await api.post("/jobs?tenantId=acme", { ...job, tenantId: "acme" });
  assertEquals([both.status, both.body.tenantId], [201, "acme"]);
  const differing = await api.post("/jobs?tenantId=acme", { ...job, tenantId: "umbrella" });
  assertProblem(differing, 422, "invalid_input");
  assertEquals(errorPaths(differing), ["tenantId"]);
  for (const body of [[job], null, "job"]) {
    assertEquals(errorPaths(await api.post("/jobs?tenantId=acme", body)), [""]);
  }
});

Deno.test("POST /jobs takes its body with a charset, in any case, and in pieces", async () => {
  await using api = await testApi();
  const text = '{"type":"debug.noop","payload":"😀"}';
  const bytes = new TextEncoder().encode(text);
  // The pieces cut the four bytes of a character in two.
  const cut = text.indexOf("😀") + 2;
  const pieces = ReadableStream.from([bytes.slice(0, cut), bytes.slice(cut)]);
  for (const body of [text, pieces]) {
    const headers = { "content-type": "Application/JSON; charset=utf-8" };
    const reply = await api.request("POST", "/jobs", { body, headers });
    assertEquals([reply.status, reply.body.payload], [201, "😀"]);
  }
});

Deno.test("wait answers with the job that is stored when the database goes away meanwhile", async () => {
  await using db = await testDatabase();
  await using proxy = new Proxy(new URL(db.url));
  const store = openStore({ url: proxy.url });
  try {
    const api = clientOf(store);
    for (const path of ["/jobs?wait=2s", "/types/debug.noop/jobs?wait=2s"]) {
      const tag = crypto.randomUUID();
      const job = path.startsWith("/jobs") ? { type: "debug.noop", payload: {} } : { payload: {} };
      const answering = api.post(path, { ...job, tags: [tag] });
      const id = await eventually("it is stored", async () => {
        const [row] = await db.sql`select id from perdura.job where ${tag} = any(tags)`;
        return row?.id;
      });
      proxy.mode = "refuse";
      proxy.cutAll();
      const { status, body } = await answering;
      assertEquals([status, body.id, body.state], [202, id, "pending"]);
      proxy.mode = "forward";
    }
  } finally {
    await store.close();
  }
});
