/** Arbitrary requests: never a 5xx, always a problem of a known code, and every job accounted for. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { JOB_EVENTS, JOB_STATES } from "../../machines/job.ts";
import { problems } from "../../src/http/problem.ts";
import { type Client, countJobs, jobIn, type Reply, testApi } from "./support.ts";

const isLong = Deno.env.get("TEST_SIZE") === "long";
/** A failure is not made smaller for ever; its seed goes on from there. */
const bounds = {
  numRuns: isLong ? 10_000 : 300,
  interruptAfterTimeLimit: isLong ? 600_000 : 60_000,
};

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
const cleanJson = fc.jsonValue({ maxDepth: 4, stringUnit: "grapheme" });
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 });
const oddText = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "\0", "\ud800", "a b"));
const oddWhole = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(-1, -0, 0.5, 32768, 2 ** 31, 2 ** 53, 1e300),
);
const instant = fc.oneof(
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-12-31T00:00:00Z") })
    .map((date) => date.toISOString()),
  fc.constantFrom("0000-01-01T00:00:00Z", "2030-01-01T00:00:00.123456789+23:59"),
);
const name = fc.stringMatching(/^[A-Za-z0-9_][\w.:@/-]{0,20}$/);

/** A field that is right nearly always: a job of many fields gets through about every other time. */
function field<T, U>(right: fc.Arbitrary<T>, odd: fc.Arbitrary<U>): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 50, arbitrary: right },
    { weight: 1, arbitrary: odd },
    { weight: 1, arbitrary: anyJson },
  );
}

const upTo = (max: number, min = 1) => field(fc.integer({ min, max }), oddWhole);

const job = fc.record({
  type: field(fc.constant("debug.noop"), fc.constantFrom("debug.fail", "email.send", "none", "")),
  payload: field(cleanJson, anyJson),
  tenantId: field(fc.constantFrom("default", "acme"), oddText),
  queue: field(name, oddText),
  priority: upTo(32767, -32768),
  maxAttempts: upTo(1000),
  maxCrashes: upTo(100),
  backoff: field(
    fc.record({ baseMs: upTo(1000), factor: upTo(10), capMs: upTo(1e9) }, { requiredKeys: [] }),
    fc.record({ baseMs: oddWhole, factor: fc.double(), capMs: oddWhole }),
  ),
  timeoutMs: upTo(604_800_000),
  idempotencyKey: field(fc.oneof(fc.constantFrom("a", "b"), text), oddText),
  idempotency: field(fc.constantFrom("return", "strict"), oddText),
  partitionKey: field(name, oddText),
  tags: field(fc.array(text, { maxLength: 5 }), fc.array(oddText)),
  metadata: field(fc.dictionary(text, cleanJson, { maxKeys: 5 }), fc.dictionary(oddText, anyJson)),
}, { requiredKeys: ["type"] });

const times = fc.oneof(
  { weight: 15, arbitrary: fc.constant({}) },
  { weight: 5, arbitrary: fc.record({ runAt: field(instant, oddText) }) },
  { weight: 5, arbitrary: fc.record({ delayMs: upTo(315_360_000_000, 0) }) },
  { weight: 1, arbitrary: fc.dictionary(oddText, anyJson, { maxKeys: 2 }) },
);

/** Something like a job. */
const jobLike = fc.tuple(job, times).map(([job, times]) => ({ ...job, ...times }));

const event = fc.record({
  type: fc.constantFrom("SCHEDULE", "CANCEL", "REQUEUE", "RETRY_NOW"),
  runAt: field(instant, oddText),
  delayMs: upTo(315_360_000_000, 0),
  reason: field(text, oddText),
}, { requiredKeys: ["type"] }).map(({ type, runAt, delayMs, reason }) => {
  if (type === "SCHEDULE") return { type, ...runAt === undefined ? { delayMs } : { runAt } };
  return type === "CANCEL" ? { type, reason } : { type };
});

/** With the members that events of workers have, and those that none has. */
const oddEvent = fc.record({
  type: field(fc.constantFrom(...JOB_EVENTS), oddText),
  runAt: instant,
  delayMs: oddWhole,
  output: anyJson,
  error: anyJson,
}, { requiredKeys: [] });

const types = fc.oneof(
  { weight: 30, arbitrary: fc.constant("application/json") },
  { weight: 1, arbitrary: fc.constantFrom("application/x-ndjson", "application/jsonx", "x/y") },
);
const query = fc.oneof(
  { weight: 20, arbitrary: fc.constant("") },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom("tenantId", "limit", "cursor", "x"),
      fc.string({ unit: "grapheme" }),
    ).map(([key, value]) => `?${key}=${encodeURIComponent(value)}`),
  },
);

/** Sends a value as JSON, or a text as it is. */
function post(api: Client, path: string, given: { body: string; type: string }): Promise<Reply> {
  return api.request("POST", path, { body: given.body, headers: { "content-type": given.type } });
}

const bodyOf = (value: fc.Arbitrary<unknown>) =>
  fc.record({
    body: fc.oneof(
      { weight: 30, arbitrary: value.map((value) => JSON.stringify(value)) },
      { weight: 1, arbitrary: fc.string({ unit: "grapheme" }) },
    ),
    type: types,
  });

Deno.test("POST /jobs answers anything with a job or a problem, and counts what it stored", async () => {
  await using api = await testApi();
  let stored = 0;
  await fc.assert(
    fc.asyncProperty(
      bodyOf(fc.oneof({ weight: 9, arbitrary: jobLike }, { weight: 1, arbitrary: anyJson })),
      query,
      async (given, query) => {
        const reply = await post(api, `/jobs${query}`, given);
        assertSound(reply);
        if (reply.status === 201) stored++;
      },
    ),
    bounds,
  );
  assert(stored > bounds.numRuns / 30, `only ${stored} jobs got through`);
  assertEquals(await countJobs(api), stored);
});

Deno.test("POST /jobs/batch answers anything with ids or a problem, all or nothing", async () => {
  await using api = await testApi();
  const jobs = fc.array(jobLike, { minLength: 1, maxLength: 3 });
  const batch = bodyOf(fc.oneof(
    { weight: 9, arbitrary: jobs.map((jobs) => ({ jobs })) },
    { weight: 1, arbitrary: jobs },
    { weight: 1, arbitrary: anyJson },
  ));
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
    bounds,
  );
  assert(stored > bounds.numRuns / 30, `only ${stored} jobs got through`);
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
      bodyOf(
        fc.oneof({ weight: 5, arbitrary: event }, { weight: 2, arbitrary: oddEvent }, {
          weight: 1,
          arbitrary: anyJson,
        }),
      ),
      match,
      query,
      async (...given) => {
        const [id, { body, type }, match, query] = given;
        const headers = { "content-type": type, ...match === "" ? {} : { "if-match": match } };
        assertSound(await api.request("POST", `/jobs/${id}/events${query}`, { body, headers }));
      },
    ),
    bounds,
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
    bounds,
  );
});
