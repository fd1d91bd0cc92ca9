/** What a client may send as a job, and how each mistake is named. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidInputError, PayloadTooLargeError } from "../../src/core/errors.ts";
import { contextOf, newJobSchema, parseNewJob, serialise } from "../../src/core/job.ts";
import { limits } from "../../src/core/limits.ts";

/** The paths of the issues that a job is refused with. */
function pathsOf(input: unknown, path = ""): string[] {
  const error = assertThrows(() => parseNewJob(input, path), InvalidInputError);
  return error.issues.map((issue) => issue.path);
}

Deno.test("parseNewJob() fills in the defaults", () => {
  assertEquals(parseNewJob({ type: "email.send" }), {
    type: "email.send",
    payload: {},
    queue: "default",
    priority: 0,
    idempotency: "return",
  });
});

Deno.test("parseNewJob() keeps every field it is given", () => {
  const job = {
    type: "email.send",
    payload: { to: "a@example.org" },
    tenantId: "acme",
    queue: "mail",
    delayMs: 0,
    priority: -32768,
    maxAttempts: 1000,
    maxCrashes: 100,
    backoff: { baseMs: 1, factor: 1.5, capMs: 2 },
    timeoutMs: limits.timeoutMsMax,
    idempotencyKey: "k".repeat(255),
    idempotency: "strict",
    partitionKey: "eu/1",
    tags: Array.from({ length: 20 }, () => "t".repeat(64)),
    metadata: { any: ["thing"] },
  };
  assertEquals<unknown>(parseNewJob(job), job);
});

Deno.test("parseNewJob() takes a payload of null as it is", () => {
  assertEquals(parseNewJob({ type: "t", payload: null }).payload, null);
});

const wrong: Record<string, unknown> = {
  type: ["", " ", "a b", "a\nb", ".a", "ä", "x".repeat(129), 1, null, undefined],
  tenantId: ["", "a b", "x".repeat(129), "\n", 1, null],
  queue: ["", "a\n", "/", null],
  partitionKey: ["", " ", null],
  runAt: [
    "",
    "tomorrow",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-02-30T00:00:00Z",
    "+010000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-00:01",
    0,
    null,
  ],
  delayMs: [-1, 0.5, limits.delayMsMax + 1, "1", null],
  priority: [-32769, 32768, 0.5, 1e300, "1", null],
  maxAttempts: [0, 1001, 1.5, "3", null],
  maxCrashes: [0, 101, null],
  timeoutMs: [0, limits.timeoutMsMax + 1, null],
  idempotencyKey: ["", "k".repeat(256), 1, null],
  idempotency: ["", "loose", null],
  backoff: [[], "fast", null],
  tags: [["t".repeat(65)], [""], [1], Array.from({ length: 21 }, () => "t"), "t", {}, null],
  metadata: [[], "m", 1, null],
};

for (const [field, values] of Object.entries(wrong)) {
  Deno.test(`parseNewJob() refuses a wrong ${field}, by its path`, () => {
    assert(Array.isArray(values));
    for (const value of values) {
      const job = { type: "t", ...value === undefined ? {} : { [field]: value } };
      if (value === undefined) Reflect.deleteProperty(job, field);
      const [path, ...others] = pathsOf(job, "jobs.3");
      assert(path === `jobs.3.${field}` || path?.startsWith(`jobs.3.${field}.`), path);
      assertEquals(others, []);
    }
  });
}

Deno.test("parseNewJob() names the fields of a wrong backoff", () => {
  const backoff = { baseMs: 0, factor: 11, capMs: -1, jitter: 1 };
  assertEquals(pathsOf({ type: "t", backoff }).sort(), [
    "backoff.baseMs",
    "backoff.capMs",
    "backoff.factor",
    "backoff.jitter",
  ]);
});

Deno.test("parseNewJob() names every unknown field, and every mistake at once", () => {
  assertEquals(pathsOf({ type: "t", priorty: 1, Queue: "q" }), ["priorty", "Queue"]);
  assertEquals(pathsOf({ priority: 0.5, delayMs: -1 }).sort(), ["delayMs", "priority", "type"]);
});

Deno.test("parseNewJob() names a bounded number of mistakes", () => {
  const many = Object.fromEntries(Array.from({ length: 200_000 }, (_, n) => [`field${n}`, 1]));
  assertEquals(pathsOf({ type: "t", ...many }).length, limits.issuesMax);
});

Deno.test("parseNewJob() refuses runAt together with delayMs", () => {
  const runAt = "2026-01-01T00:00:00Z";
  assertEquals(pathsOf({ type: "t", runAt, delayMs: 0 }), ["delayMs"]);
});

Deno.test("parseNewJob() gives every instant as RFC 3339 in UTC, as PostgreSQL reads it", () => {
  const instants = [
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"],
    ["2026-01-01T01:30:00.25+01:30", "2026-01-01T00:00:00.250Z"],
    ["2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00.123Z"],
    // PostgreSQL knows no year 0 and no offset above 15:59, and long ago means now.
    ["0000-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"],
    ["0001-01-01T00:00:00+23:59", "1970-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
  ];
  for (const [given, wanted] of instants) {
    assertEquals(parseNewJob({ type: "t", runAt: given }).runAt, wanted);
  }
});

Deno.test("parseNewJob() refuses what is no object, by the path of the job", () => {
  for (const input of [null, undefined, 1, "job", true, [], [{ type: "t" }]]) {
    assertEquals(pathsOf(input, "jobs.0"), ["jobs.0"]);
    assertEquals(pathsOf(input), [""]);
  }
});

Deno.test("parseNewJob() refuses what cannot be stored, wherever it stands", () => {
  assertEquals(pathsOf({ type: "t", payload: { a: "\0" } }, "jobs.1"), ["jobs.1.payload.a"]);
  assertEquals(pathsOf({ type: "t", metadata: { a: "\ud800" } }), ["metadata.a"]);
  assertEquals(pathsOf({ type: "t", tags: ["\0"] }), ["tags.0"]);
  assertEquals(pathsOf({ type: "t", idempotencyKey: "\udc00" }), ["idempotencyKey"]);
  assertEquals(pathsOf(JSON.parse('{"type":"t","__proto__":1}')), ["__proto__"]);
});

Deno.test("parseNewJob() allows a payload of 64 levels and refuses the 65th", () => {
  const nest = (depth: number): unknown => depth === 0 ? 1 : { a: nest(depth - 1) };
  parseNewJob({ type: "t", payload: nest(64) });
  const [path] = pathsOf({ type: "t", payload: nest(65) });
  assertEquals(path, `payload${".a".repeat(64)}`);
});

Deno.test("parseNewJob() throws nothing but InvalidInputError, whatever it is given", () => {
  const field = fc.constantFrom(...Object.keys(wrong), "payload");
  const input = fc.oneof(fc.anything(), fc.dictionary(field, fc.anything()));
  fc.assert(
    fc.property(input, (value) => {
      try {
        parseNewJob(value);
      } catch (error) {
        assert(error instanceof InvalidInputError, Deno.inspect(error));
        assert(error.issues.length > 0);
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("serialise() measures bytes, and takes undefined for null", () => {
  assertEquals(serialise("Payload", undefined, 4), "null");
  assertEquals(serialise("Payload", "é", 4), '"é"');
  assertThrows(() => serialise("Payload", "éé", 4), PayloadTooLargeError, "larger than 4 bytes");
});

Deno.test("serialise() measures numbers as PostgreSQL writes them out", () => {
  assertEquals(serialise("Payload", [1e300], 310), "[1e+300]");
  assertThrows(() => serialise("Payload", [1e300, 1e300], 310), PayloadTooLargeError);
});

Deno.test("serialise() refuses what JSON has no text for", () => {
  for (const value of [() => 1, Symbol("s"), 1n]) {
    assertThrows(() => serialise("Output", value, 100), TypeError);
  }
  assertThrows(() => serialise("Output", () => 1, 100), TypeError, "Output");
});

Deno.test("contextOf() asks only whether a cancel was requested, not when", () => {
  const job = { attempt: 1, maxAttempts: 2, crashes: 3, maxCrashes: 4 };
  assertEquals(contextOf({ ...job, cancelRequestedAt: null }), { ...job, cancelRequested: false });
  const at = "2026-01-01T00:00:00Z";
  assertEquals(contextOf({ ...job, cancelRequestedAt: at }), { ...job, cancelRequested: true });
});

Deno.test("parseNewJob() says of a job of few fields what the schema says", () => {
  const name = fc.oneof(
    fc.constantFrom("t", "a.b-c:d/e@f", "_", "", " a", "a b", "a\n", "-a", "ä", "x".repeat(128)),
    fc.constantFrom(1, null, "x".repeat(129), ["t"], { t: 1 }, true),
  );
  const job = fc.record(
    { type: name, payload: fc.jsonValue(), queue: name, tenantId: name, priority: fc.nat(3) },
    { requiredKeys: [] },
  );
  fc.assert(fc.property(job, (input) => {
    const wanted = newJobSchema.safeParse(input);
    if (wanted.success) assertEquals<unknown>(parseNewJob(input), wanted.data);
    else assertThrows(() => parseNewJob(input), InvalidInputError);
  }));
});
