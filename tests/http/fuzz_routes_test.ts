/** Arbitrary requests to every route of the document: no 5xx, every refusal a known problem. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { z } from "zod";
import { debugHandlers } from "../../handlers/debug.ts";
import { JOB_STATES } from "../../machines/job.ts";
import { testWorker } from "../support/worker.ts";
import { assertSound } from "./sound.ts";
import { nearly, odd, type Schema } from "./schema_arbitrary.ts";
import { type Api, jobIn, testApi } from "./support.ts";

const isLong = Deno.env.get("TEST_SIZE") === "long";
const bounds = {
  numRuns: isLong ? 20_000 : 2_500,
  interruptAfterTimeLimit: isLong ? 900_000 : 120_000,
};

const schema = z.custom<Schema>((value) => typeof value === "object");
const documentSchema = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        parameters: z.array(z.object({ name: z.string(), in: z.string(), schema })).default([]),
        requestBody: z.object({
          content: z.record(z.string(), z.object({ schema })),
        }).optional(),
      }),
    ),
  ),
});

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
  readonly headers: Record<string, string>;
}

const lookups = new Set(["id", "tenantId", "type", "name", "key"]);
const segment = fc.oneof(
  { weight: 1, arbitrary: fc.uuid() },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }) },
  { weight: 1, arbitrary: fc.constantFrom("%00", "%ff", "%", "..%2f", "NULL", "'", "default") },
).map((text) => /^%|^\.\./.test(text) ? text : encodeURIComponent(text));
const queryText = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }).map(encodeURIComponent),
  fc.constantFrom("", "%00", "%ff", "-1", "1", "true", "30ms", "5", "pending", "acme", "1e9", "%"),
);
const bytes = fc.uint8Array({ maxLength: 40 }).map((given) => new Uint8Array(given));
const types = fc.oneof(
  { weight: 30, arbitrary: fc.constant("application/json") },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "application/x-ndjson",
      "application/json; charset=utf-16",
      "text/plain",
      "",
      "a/b",
    ),
  },
);
const matches = fc.constantFrom(
  "",
  "",
  "",
  '"1"',
  '"2"',
  '"3"',
  "*",
  "x",
  'W/"1"',
  '"99999999999"',
);

/** Requests to the routes of a document, about jobs that are there and jobs that are not. */
async function requestsOf(api: Api, ids: readonly string[]): Promise<fc.Arbitrary<Sent>> {
  const { paths } = documentSchema.parse((await api.get("/openapi.json")).body);
  const known = fc.constantFrom(...ids);
  // A stream does not end.
  const ending = Object.entries(paths).filter(([path]) => path !== "/stream");
  const routes = ending.flatMap(([path, item]) =>
    Object.entries(item).map(([method, { parameters, requestBody }]) => {
      const contents = Object.entries(requestBody?.content ?? {});
      const body = contents.length === 0
        ? fc.constant(null)
        : fc.oneof(...contents.map(([, { schema }]) => nearly(schema)));
      const names = parameters.filter((p) => p.in === "query").map(({ name }) => name)
        // Who follows a job that waits waits with it.
        .filter((name) => name !== "follow");
      return fc.record({
        method: fc.oneof(
          { weight: 40, arbitrary: fc.constant(method.toUpperCase()) },
          { weight: 1, arbitrary: fc.constantFrom("PUT", "OPTIONS", "DELETE", "HEAD", "BREW") },
        ),
        path: pathOf(path, known),
        query: fc.oneof(
          { weight: 6, arbitrary: fc.constant("") },
          { weight: 3, arbitrary: queryOf(names.filter((name) => name !== "wait")) },
          { weight: 1, arbitrary: queryOf(["surplus", ...names]) },
        ),
        json: body,
        odd,
        bytes,
        how: fc.integer({ min: 0, max: 30 }),
        type: types,
        match: matches,
      });
    })
  );
  return fc.oneof(...routes).map((given) => {
    const isBare = given.method === "GET" || given.method === "HEAD" || given.json === null;
    const texts: Record<number, Sent["body"]> = {
      0: JSON.stringify(given.odd) ?? "",
      1: given.bytes,
      2: "{",
      3: `${JSON.stringify(given.json)}\n${JSON.stringify(given.json)}`,
    };
    return {
      method: given.method,
      path: `${given.path}${given.query}`,
      body: isBare ? null : texts[given.how] ?? JSON.stringify(given.json) ?? "",
      headers: {
        ...isBare ? {} : { "content-type": given.type },
        ...given.match === "" ? {} : { "if-match": given.match },
      },
    };
  });
}

function pathOf(path: string, known: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const parts = path.split("/").map((part) => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (!name || !lookups.has(name)) return fc.constant(part);
    const right = name === "id" ? known : fc.constantFrom("default", "acme");
    return fc.oneof({ weight: 8, arbitrary: right }, { weight: 1, arbitrary: segment });
  });
  return fc.tuple(...parts).map((given) => given.join("/"));
}

function queryOf(names: readonly string[]): fc.Arbitrary<string> {
  if (names.length === 0) return fc.constant("");
  const pair = fc.tuple(fc.constantFrom(...names), queryText).map(([k, v]) => `${k}=${v}`);
  return fc.array(pair, { minLength: 1, maxLength: 2 }).map((pairs) => `?${pairs.join("&")}`);
}

Deno.test("every route answers anything with what it promises or a problem", async () => {
  await using api = await testApi({ withUi: true });
  const ids: string[] = [];
  for (const state of [...JOB_STATES].reverse()) ids.push(await jobIn(api, state));
  await using runtime = testWorker(api.db, debugHandlers.filter(({ type }) => !/crash/.test(type)));
  const statuses = new Map<number, number>();
  const requests = await requestsOf(api, ids);
  await fc.assert(
    fc.asyncProperty(requests, async ({ method, path, body, headers }) => {
      const response = await api.fetch(path, { method, body, headers });
      await assertSound(response, method);
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
    }),
    bounds,
  );
  const shown = JSON.stringify([...statuses]);
  for (const status of [200, 201, 202, 400, 404, 405, 409, 412, 415, 422]) {
    assert((statuses.get(status) ?? 0) > 0, `no ${status} among ${shown}`);
  }
  // What was paused or limited on the way is opened again.
  for (const gate of ["/tenants/default", "/types/debug.noop", "/queues/after"]) {
    assertEquals((await api.request("PUT", `${gate}/limits`, { json: {} })).status, 200);
    assertEquals((await api.request("POST", `${gate}/resume`)).status, 200);
  }
  // The worker has lived through all of it.
  const { id } = await runtime.jobs.enqueue({ type: "debug.noop", queue: "after" });
  assertEquals((await runtime.jobs.wait(null, id, 30_000)).state, "succeeded");
});
