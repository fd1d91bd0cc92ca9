/** What bad input gets: the codes of CONTRACT, the path of the mistake, and nothing stored. */
import { assert, assertEquals } from "@std/assert";
import { limits } from "../../src/core/limits.ts";
import type { problems } from "../../src/http/problem.ts";
import { assertProblem, countJobs, errorPaths, type RequestOptions, testApi } from "./support.ts";

interface BadInput extends RequestOptions {
  readonly name: string;
  readonly status: number;
  readonly code: keyof typeof problems;
  /** Of the errors, in any order. */
  readonly paths?: readonly string[];
}

const json = { "content-type": "application/json" };
const mail = { to: "a@example.org", subject: "s" };

/** Refused with 422, `invalid_input` and the given paths. */
function wrong(name: string, json: unknown, ...paths: string[]): BadInput {
  return { name, json, status: 422, code: "invalid_input", paths };
}

/** The same, for a body that JSON.stringify() cannot write. */
function wrongText(name: string, body: string, ...paths: string[]): BadInput {
  return { name, body, headers: json, status: 422, code: "invalid_input", paths };
}

/** Refused with 400. */
function malformed(name: string, body: string | Uint8Array<ArrayBuffer>): BadInput {
  return { name, body, headers: json, status: 400, code: "malformed" };
}

function noop(fields: Record<string, unknown>): Record<string, unknown> {
  return { type: "debug.noop", ...fields };
}

const latin1 = new Uint8Array([...new TextEncoder().encode('{"type":"'), 0xe4, 0x22, 0x7d]);

const jobs: readonly BadInput[] = [
  malformed("an empty body", ""),
  malformed("a body of spaces", "  \n"),
  malformed("half an object", '{"type":"debug.noop"'),
  malformed("two objects", '{"type":"debug.noop"} {}'),
  malformed("a trailing comma", '{"type":"debug.noop",}'),
  malformed("single quotes", "{'type':'debug.noop'}"),
  malformed("a comment", '{"type":"debug.noop"} // no'),
  malformed("NaN", '{"type":"debug.noop","priority":NaN}'),
  malformed("a raw NUL in a text", '{"type":"debug.noop","payload":"\0"}'),
  malformed("bytes that are no UTF-8", latin1),
  malformed("a cut character", new TextEncoder().encode('{"type":"é').slice(0, -1)),
  wrong("null", null, ""),
  wrong("an array", [noop({})], ""),
  wrong("a text", "debug.noop", ""),
  wrong("a number", 1, ""),
  wrong("an object without a type", {}, "type"),
  wrong("a type of null", { type: null }, "type"),
  wrong("an empty type", { type: "" }, "type"),
  wrong("a type with a space", { type: "debug noop" }, "type"),
  wrong("a type that is too long", { type: "x".repeat(129) }, "type"),
  {
    name: "an unknown type",
    json: { type: "no.such" },
    status: 422,
    code: "unknown_type",
    paths: ["type"],
  },
  {
    name: "a type that is a member of every object",
    json: { type: "__proto__" },
    status: 422,
    code: "unknown_type",
    paths: ["type"],
  },
  wrong("a payload that lacks everything", { type: "email.send" }, "payload.to", "payload.subject"),
  wrong("a payload of another shape", { type: "email.send", payload: [] }, "payload"),
  wrong(
    "a wrong field of a payload",
    { type: "email.send", payload: { ...mail, to: "nobody" } },
    "payload.to",
  ),
  wrong(
    "an unknown field of a payload",
    { type: "email.send", payload: { ...mail, cc: "b@example.org" } },
    "payload.cc",
  ),
  wrong(
    "a line break in a subject",
    { type: "email.send", payload: { ...mail, subject: "s\r\nBcc: b@example.org" } },
    "payload.subject",
  ),
  wrong("an unknown field", noop({ priorty: 1 }), "priorty"),
  wrong("several mistakes at once", noop({ a: 1, priority: "0" }), "a", "priority"),
  wrong("NUL in the payload", noop({ payload: { a: ["\0"] } }), "payload.a.0"),
  wrong("NUL in a key", noop({ payload: { "\0": 1 } }), "payload.(key)"),
  wrong("NUL in an idempotency key", noop({ idempotencyKey: "\0" }), "idempotencyKey"),
  wrong("NUL in a tag", noop({ tags: ["ok", "\0"] }), "tags.1"),
  wrong("NUL in the metadata", noop({ metadata: { a: "\0" } }), "metadata.a"),
  wrongText(
    "a lone surrogate by its escape",
    String.raw`{"type":"debug.noop","payload":"\ud800"}`,
    "payload",
  ),
  wrongText(
    "surrogates in the wrong order",
    String.raw`{"type":"debug.noop","payload":{"a":"\ude00\ud83d"}}`,
    "payload.a",
  ),
  wrongText("1e400", '{"type":"debug.noop","payload":{"n":1e400}}', "payload.n"),
  wrongText("-1e400 as a priority", '{"type":"debug.noop","priority":-1e400}', "priority"),
  wrongText("__proto__", '{"type":"debug.noop","__proto__":{"a":1}}', "__proto__"),
  wrongText(
    "__proto__ deep in the payload",
    '{"type":"debug.noop","payload":[{"__proto__":null}]}',
    "payload.0.__proto__",
  ),
  wrong("65 levels", noop({ payload: nested(65) }), `payload${".0".repeat(64)}`),
  wrongText(
    "100,000 levels",
    `{"type":"debug.noop","payload":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    `payload${".0".repeat(64)}`,
  ),
  wrong("both runAt and delayMs", noop({ runAt: "2030-01-01T00:00:00Z", delayMs: 1 }), "delayMs"),
  wrong("a date without a time", noop({ runAt: "2030-01-01" }), "runAt"),
  wrong("a time without an offset", noop({ runAt: "2030-01-01T00:00:00" }), "runAt"),
  wrong("a day that is not", noop({ runAt: "2030-02-29T00:00:00Z" }), "runAt"),
  wrong("a time of numbers", noop({ runAt: 1893456000000 }), "runAt"),
  wrong("a negative delay", noop({ delayMs: -1 }), "delayMs"),
  wrong("a delay of more than ten years", noop({ delayMs: limits.delayMsMax + 1 }), "delayMs"),
  wrong("a priority below all", noop({ priority: -32769 }), "priority"),
  wrong("a priority above all", noop({ priority: 32768 }), "priority"),
  wrong("a broken priority", noop({ priority: 0.1 }), "priority"),
  wrong("no attempts", noop({ maxAttempts: 0 }), "maxAttempts"),
  wrong("too many attempts", noop({ maxAttempts: 1001 }), "maxAttempts"),
  wrong("no crashes", noop({ maxCrashes: 0 }), "maxCrashes"),
  wrong("no time", noop({ timeoutMs: 0 }), "timeoutMs"),
  wrong("an empty backoff", noop({ backoff: {} }), "backoff.baseMs"),
  wrong("a shrinking backoff", noop({ backoff: { baseMs: 1, factor: 0.5 } }), "backoff.factor"),
  wrong("an empty tenant", noop({ tenantId: "" }), "tenantId"),
  wrong("a tenant with a space", noop({ tenantId: "a b" }), "tenantId"),
  wrong("a tenant of a number", noop({ tenantId: 1 }), "tenantId"),
  wrong("a tenant that is too long", noop({ tenantId: "x".repeat(129) }), "tenantId"),
  wrong("a queue with a line break", noop({ queue: "a\n" }), "queue"),
  wrong("a partition that begins with a slash", noop({ partitionKey: "/a" }), "partitionKey"),
  wrong("an empty idempotency key", noop({ idempotencyKey: "" }), "idempotencyKey"),
  wrong("a long idempotency key", noop({ idempotencyKey: "k".repeat(256) }), "idempotencyKey"),
  wrong("an unknown idempotency", noop({ idempotency: "maybe" }), "idempotency"),
  wrong("too many tags", noop({ tags: Array(21).fill("t") }), "tags"),
  wrong("a long tag", noop({ tags: ["t".repeat(65)] }), "tags.0"),
  wrong("tags as an object", noop({ tags: { 0: "t" } }), "tags"),
  wrong("metadata as an array", noop({ metadata: [] }), "metadata"),
  {
    name: "a payload of a mebibyte and a byte",
    json: noop({ payload: "x".repeat(limits.payloadBytesMax - 1) }),
    status: 413,
    code: "payload_too_large",
  },
  {
    name: "numbers that would come back as forty mebibytes",
    json: noop({ payload: Array(140_000).fill(1e300) }),
    status: 413,
    code: "payload_too_large",
  },
  {
    name: "a body of eight mebibytes that names its length",
    body: " ".repeat(8 << 20),
    headers: { ...json, "content-length": String(8 << 20) },
    status: 413,
    code: "payload_too_large",
  },
  {
    name: "a body of eight mebibytes in pieces",
    get body() {
      return ReadableStream.from(Array.from({ length: 8 }, () => new Uint8Array(1 << 20).fill(32)));
    },
    headers: json,
    status: 413,
    code: "payload_too_large",
  },
  {
    name: "a body whose sender goes away",
    get body() {
      return new ReadableStream({ pull: (sender) => sender.error(new Error("gone")) });
    },
    headers: json,
    status: 400,
    code: "malformed",
  },
  {
    name: "metadata of more than 4 KiB",
    json: noop({ metadata: { a: "x".repeat(4096) } }),
    status: 413,
    code: "payload_too_large",
  },
  ...["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", ""].map((
    type,
  ) => ({
    name: `the content type "${type}"`,
    body: '{"type":"debug.noop"}',
    headers: type === "" ? {} : { "content-type": type },
    status: 415,
    code: "unsupported_media_type" as const,
  })),
  {
    name: "lines, which only a batch takes",
    body: '{"type":"debug.noop"}',
    headers: { "content-type": "application/x-ndjson" },
    status: 415,
    code: "unsupported_media_type",
  },
];

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

Deno.test("POST /jobs refuses bad input by code and path, and stores nothing", async (t) => {
  await using api = await testApi();
  for (const { name, status, code, paths, ...options } of jobs) {
    await t.step(name, async () => {
      const reply = await api.request("POST", "/jobs", options);
      assertProblem(reply, status, code);
      if (paths) assertEquals(errorPaths(reply).sort(), [...paths].sort());
    });
  }
  await t.step("after all of them nothing is stored", async () => {
    const { body } = await api.get("/admin/metrics");
    assertEquals(body.states, {
      pending: 0,
      scheduled: 0,
      running: 0,
      retry: 0,
      succeeded: 0,
      dead_letter: 0,
      cancelled: 0,
    });
    const [tables] = await api.db.sql`
      select (select count(*) from perdura.history)::integer as transitions,
             (select count(*) from perdura.unique_key)::integer as keys,
             (select count(*) from perdura.job_data)::integer as payloads`;
    assertEquals({ ...tables }, { transitions: 0, keys: 0, payloads: 0 });
  });
});

const badQueries: readonly string[] = [
  "tenantId=",
  "tenantId=a%20b",
  "tenantId=a%00b",
  "tenantId=%ff",
  `tenantId=${"x".repeat(129)}`,
  "tenantId=a&tenantId=b",
  "tenant=acme",
];

Deno.test("every route of jobs answers 400 to a query that it does not know", async (t) => {
  await using api = await testApi();
  const { body } = await api.post("/jobs", noop({}));
  for (const query of badQueries) {
    await t.step(`?${query.slice(0, 40)}`, async () => {
      const replies = [
        await api.post(`/jobs?${query}`, noop({})),
        await api.post(`/jobs/batch?${query}`, { jobs: [noop({})] }),
        await api.post(`/jobs/${body.id}/events?${query}`, { type: "CANCEL" }),
        await api.get(`/jobs/${body.id}?${query}`),
        await api.get(`/jobs/${body.id}/transitions?${query}`),
        await api.get(`/admin/metrics?${query}`),
      ];
      for (const reply of replies) assertProblem(reply, 400, "malformed");
    });
  }
  assertEquals((await api.get(`/jobs/${body.id}`)).body, body);
  assertEquals(await countJobs(api), 1);
});

const badIds = [
  "x",
  "00000000-0000-0000-0000-00000000000",
  "null",
  "%00",
  "%ff",
  "1;drop",
  "batch",
];

Deno.test("the routes of one job answer 400 to what is no UUID", async (t) => {
  await using api = await testApi();
  for (const id of badIds) {
    await t.step(id, async () => {
      assertProblem(await api.get(`/jobs/${id}`), 400, "malformed");
      assertProblem(await api.get(`/jobs/${id}/transitions`), 400, "malformed");
      assertProblem(await api.post(`/jobs/${id}/events`, { type: "CANCEL" }), 400, "malformed");
    });
  }
});

Deno.test("what is wrong with a query or a typed job is told with what is wanted", async () => {
  await using api = await testApi();
  const told = async (method: string, path: string) =>
    (await api.request(method, path, { json: method === "GET" ? undefined : { type: "x" } })).body
      .detail;
  const limit = 'Query parameter "limit": Must be a whole number from 1 to 1000';
  for (const text of ["0", "1001", "-1", "99999999999"]) {
    assertEquals(await told("GET", `/jobs?limit=${text}`), limit);
  }
  const states = await told("GET", "/jobs?state=retry,odd");
  assert(String(states).startsWith('Query parameter "state": Must be of pending, '), `${states}`);
  for (const text of ["30", "61s", "9999999s"]) {
    assertEquals(
      await told("POST", `/jobs?wait=${text}`),
      'Query parameter "wait": Must be like "30s" or "500ms", and at most "60s"',
    );
  }
  assertEquals(await told("POST", "/types/debug.noop/jobs"), "type: The path names it");
});
