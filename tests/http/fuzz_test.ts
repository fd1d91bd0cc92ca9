/** Arbitrary requests: never a 5xx, always a problem of a known code, and every job accounted for. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { JOB_EVENTS, JOB_STATES } from "../../machines/job.ts";
import { problems } from "../../src/http/problem.ts";
import { type Client, countJobs, jobIn, type Reply, testApi } from "./support.ts";

const isLong = Deno.env.get("PERDURA_TEST_SIZE") === "long";
const numRuns = isLong ? 10_000 : 300;

/** What holds of every answer. */
function assertSound(reply: Reply): void {
  const { status, headers, body } = reply;
  const shown = `${status} ${JSON.stringify(body)}`;
  assert(status < 500, shown);
  if (status < 400) {
    assert([200, 201, 202].includes(status), shown);
    return;
  }
  assertEquals(headers.get("content-type"), "application/problem+json");
  const known = Object.entries(problems).find(([code]) => code === body.code);
  assert(known, shown);
  // A stale If-Match is the one code with two statuses.
  const statuses = body.code === "version_conflict" ? [409, 412] : [known[1].status];
  assert(statuses.includes(status) && body.status === status, shown);
  assert(typeof body.detail === "string" && body.detail.length > 0, shown);
  if (body.code !== "invalid_input" && body.code !== "unknown_type") return;
  assert(Array.isArray(body.errors) && body.errors.length > 0, shown);
}

const anyJson = fc.jsonValue({ maxDepth: 4, stringUnit: "binary" });
const text = fc.oneof(fc.string({ unit: "binary" }), fc.string(), fc.constantFrom("", "\0", "a b"));
const whole = fc.oneof(fc.integer(), fc.constantFrom(0, -0, 1, 32767, 32768, 2 ** 31, 1e300, 0.5));
const instant = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom("0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2030-01-01T00:00:00+23:59"),
);

/** A field as it should be most of the time. */
function mostly<T>(field: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary: field }, { weight: 1, arbitrary: anyJson });
}

const name = fc.oneof(fc.stringMatching(/^[A-Za-z0-9_][\w.:@/-]{0,20}$/), text);

/** Something like a job: most requests get past the first check. */
const job = fc.record({
  type: mostly(fc.constantFrom("debug.noop", "debug.noop", "debug.fail", "email.send", "none")),
  payload: anyJson,
  tenantId: mostly(fc.constantFrom("default", "acme")),
  queue: mostly(name),
  runAt: mostly(instant),
  delayMs: mostly(whole),
  priority: mostly(whole),
  maxAttempts: mostly(fc.integer({ min: 1, max: 1000 })),
  maxCrashes: mostly(fc.integer({ min: 1, max: 100 })),
  backoff: mostly(fc.record({ baseMs: whole, factor: fc.double(), capMs: whole })),
  timeoutMs: mostly(fc.integer({ min: 1, max: 604_800_000 })),
  idempotencyKey: mostly(fc.oneof(fc.constantFrom("a", "b"), text)),
  idempotency: mostly(fc.constantFrom("return", "strict")),
  partitionKey: mostly(name),
  tags: mostly(fc.array(text, { maxLength: 5 })),
  metadata: mostly(fc.dictionary(text, anyJson, { maxKeys: 5 })),
  extra: anyJson,
}, { requiredKeys: ["type"] }).chain((whole) =>
  fc.subarray(Object.keys(whole), { minLength: 1 }).map((keys) =>
    Object.fromEntries(
      Object.entries(whole).filter(([key]) => key === "type" || keys.includes(key)),
    )
  )
);

const event = fc.record({
  type: mostly(fc.constantFrom(...JOB_EVENTS)),
  runAt: mostly(instant),
  delayMs: mostly(whole),
  reason: mostly(text),
  output: anyJson,
  error: anyJson,
}, { requiredKeys: [] });

const types = fc.constantFrom(
  "application/json",
  "application/json",
  "application/x-ndjson",
  "x/y",
);
const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom("tenantId", "limit", "cursor", "x"), fc.string())
      .map(([key, value]) => `?${key}=${encodeURIComponent(value)}`),
  },
);

/** Sends a value as JSON, or a text as it is. */
function post(api: Client, path: string, given: { body: string; type: string }): Promise<Reply> {
  return api.request("POST", path, { body: given.body, headers: { "content-type": given.type } });
}

const bodyOf = (value: fc.Arbitrary<unknown>) =>
  fc.record({
    body: fc.oneof(
      { weight: 6, arbitrary: value.map((v) => JSON.stringify(v)) },
      { weight: 1, arbitrary: fc.string({ unit: "grapheme" }) },
    ),
    type: types,
  });

Deno.test("POST /jobs answers anything with a job or a problem, and counts what it stored", async () => {
  await using api = await testApi();
  let stored = 0;
  await fc.assert(
    fc.asyncProperty(bodyOf(fc.oneof(job, job, anyJson)), query, async (given, query) => {
      const reply = await post(api, `/jobs${query}`, given);
      assertSound(reply);
      if (reply.status === 201) stored++;
    }),
    { numRuns },
  );
  assert(stored > numRuns / 100, `only ${stored} jobs got through`);
  assertEquals(await countJobs(api), stored);
});

Deno.test("POST /jobs/batch answers anything with ids or a problem, all or nothing", async () => {
  await using api = await testApi();
  const jobs = fc.array(job, { maxLength: 3 });
  const batch = bodyOf(fc.oneof(jobs.map((jobs) => ({ jobs })), jobs, anyJson));
  const lines = jobs.map((jobs) => ({
    body: jobs.map((job) => JSON.stringify(job)).join("\n"),
    type: "application/x-ndjson",
  }));
  let stored = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(batch, lines), query, async (given, query) => {
      const reply = await post(api, `/jobs/batch${query}`, given);
      assertSound(reply);
      if (reply.status !== 201) return;
      assert(Array.isArray(reply.body.created));
      stored += reply.body.created.filter(Boolean).length;
    }),
    { numRuns },
  );
  assertEquals(await countJobs(api), stored);
});

Deno.test("POST /jobs/{id}/events answers anything with a job or a problem, and loses no job", async () => {
  await using api = await testApi();
  const ids: string[] = [];
  for (const state of [...JOB_STATES].reverse()) ids.push(await jobIn(api, state));
  const id = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...ids) },
    { weight: 1, arbitrary: fc.uuid() },
    {
      weight: 1,
      arbitrary: fc.string().map((text) => encodeURIComponent(text).replace(/^\.+$/, "x")),
    },
  );
  const match = fc.constantFrom(
    "",
    "",
    "",
    "*",
    '"1"',
    '"3"',
    'W/"1"',
    "nonsense",
    '"99999999999"',
  );
  await fc.assert(
    fc.asyncProperty(
      id,
      bodyOf(fc.oneof(event, event, anyJson)),
      match,
      query,
      async (...given) => {
        const [id, { body, type }, match, query] = given;
        const headers = { "content-type": type, ...match === "" ? {} : { "if-match": match } };
        assertSound(await api.request("POST", `/jobs/${id}/events${query}`, { body, headers }));
      },
    ),
    { numRuns },
  );
  assertEquals(await countJobs(api), ids.length);
  for (const id of ids) {
    const { body } = await api.get(`/jobs/${id}/transitions?limit=1000`);
    assert(Array.isArray(body.items));
    const versions = body.items.map(({ version }) => version);
    assertEquals(versions, versions.map((_, n) => n + 1), "the history has no gap");
    assertEquals((await api.get(`/jobs/${id}`)).body.version, versions.length);
  }
});

Deno.test("GET answers any path and query with a resource or a problem", async () => {
  await using api = await testApi();
  const id = await jobIn(api, "pending");
  const path = fc.oneof(
    fc.constantFrom(`/jobs/${id}`, `/jobs/${id}/transitions`, "/admin/metrics", "/jobs", "/health"),
    fc.webPath(),
  );
  await fc.assert(
    fc.asyncProperty(path, query, async (path, query) => {
      assertSound(await api.get(`${path || "/"}${query}`));
    }),
    { numRuns },
  );
});
