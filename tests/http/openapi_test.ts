/** The OpenAPI document: valid to a public linter, and with every name that clients rely on. */
import { assert, assertEquals } from "@std/assert";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { z } from "zod";
import { problems } from "../../src/http/problem.ts";
import contract from "./contract.json" with { type: "json" };
import { type Api, jobIn, testApi } from "./support.ts";

const schema = z.looseObject({
  properties: z.record(z.string(), z.unknown()).optional(),
  enum: z.array(z.string()).optional(),
  anyOf: z.array(z.unknown()).optional(),
});
const content = z.object({
  required: z.boolean().optional(),
  content: z.record(z.string(), z.object({ schema: z.looseObject({}) })).optional(),
});
const operationSchema = z.looseObject({
  operationId: z.string(),
  summary: z.string(),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string() })).optional(),
  requestBody: content.optional(),
  responses: z.record(z.string(), content),
});
const documentSchema = z.looseObject({
  openapi: z.literal("3.1.0"),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), schema) }),
});

async function documentOf(api: Api) {
  const { status, body } = await api.get("/openapi.json");
  assertEquals(status, 200);
  return documentSchema.parse(body);
}

Deno.test("the document is valid to the public linter", async () => {
  await using api = await testApi({ withUi: true });
  const { body } = await api.get("/openapi.json");
  const config = await createConfig({
    extends: ["recommended"],
    telemetry: "off",
    // Names of this kind are for the reader; who serves the API is not known here.
    rules: { "no-server-example.com": "off" },
  });
  const found = await lintFromString({ source: JSON.stringify(body), config });
  const shown = found.map(({ ruleId, message, location }) =>
    `${ruleId}: ${message} at ${location[0]?.pointer}`
  );
  // Probes send nothing that could be refused.
  const isProbe = /^operation-4xx-response.*~1health/;
  assertEquals(shown.filter((line) => !isProbe.test(line)), []);
  const broken = JSON.stringify({ ...body, paths: { "/x": { get: { responses: {} } } } });
  assert((await lintFromString({ source: broken, config })).length > 0, "the linter looks");
});

Deno.test("the document has every route of the contract, each with its own name", async () => {
  await using api = await testApi({ withUi: true });
  const { paths } = await documentOf(api);
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      route: `${method.toUpperCase()} ${path}`,
      operation,
    }))
  );
  const routes = operations.map(({ route }) => route);
  assertEquals(contract.routes.filter((route) => !routes.includes(route)), []);
  const ids = operations.map(({ operation }) => operation.operationId);
  assertEquals(new Set(ids).size, ids.length);
  for (const { route, operation } of operations) {
    const failure = route.includes("/health") ? "503" : "500";
    assert(operation.responses[failure], `${route} may fail`);
  }
});

Deno.test("the document has every name of the contract", async () => {
  await using api = await testApi({ withUi: true });
  const { paths, components } = await documentOf(api);
  const keysOf = (name: string) => Object.keys(components.schemas[name]?.properties ?? {});
  const missing = (wanted: readonly string[], there: readonly string[]) =>
    wanted.filter((name) => !there.includes(name));
  assertEquals(missing(contract.job, keysOf("Job")), []);
  assertEquals(missing(contract.transition, keysOf("Transition")), []);
  assertEquals(missing(contract.jobError, keysOf("JobError")), []);
  assertEquals(missing(contract.problem, keysOf("Problem")), []);
  const list = paths["/jobs"]?.get?.parameters?.map(({ name }) => name) ?? [];
  assertEquals(missing(contract.listQuery, list), []);
  const cancel = paths["/jobs/{id}/cancel"]?.post;
  assert(cancel?.responses["412"] && cancel.responses["401"] && !cancel.requestBody?.required);
  assert(paths["/jobs"]?.post?.requestBody?.required);
  for (const path of ["/jobs", "/types/debug.noop/jobs"]) {
    const named = paths[path]?.post?.parameters?.filter((each) => each.in === "header") ?? [];
    assertEquals(named.map(({ name }) => name), ["idempotency-key"], path);
  }
  for (const path of ["/jobs/{id}", "/actors/{id}"]) assert(paths[path]?.get?.responses["304"]);
  const text = JSON.stringify(paths["/jobs/{id}/events"]);
  assertEquals(contract.events.filter((event) => !text.includes(`"${event}"`)), []);
  const retry = JSON.stringify(paths["/admin/retry-failed"]);
  assertEquals(contract.retryFailed.filter((name) => !retry.includes(`"${name}"`)), []);
  const email = JSON.stringify(paths["/types/email.send/jobs"]?.post?.requestBody);
  assertEquals(["subject", "idempotencyKey"].filter((name) => !email.includes(`"${name}"`)), []);
});

Deno.test("every code of the contract has its status", () => {
  for (const [code, status] of Object.entries(contract.codes)) {
    const known = Object.entries(problems).find(([name]) => name === code);
    assertEquals(known?.[1].status, status, code);
  }
});

Deno.test("a job and its history have the keys of the document, no more and no less", async () => {
  await using api = await testApi({ withUi: true });
  const { components } = await documentOf(api);
  const keysOf = (name: string) =>
    Object.keys(components.schemas[name]?.properties ?? {}).toSorted();
  const id = await jobIn(api, "dead_letter");
  const { body } = await api.get(`/jobs/${id}`);
  assertEquals(Object.keys(body).toSorted(), keysOf("Job"));
  const history = await api.get(`/jobs/${id}/transitions`);
  const [row] = z.array(z.looseObject({})).parse(history.body.items);
  assertEquals(Object.keys(Object(row)).toSorted(), keysOf("Transition"));
  const metrics = await api.get("/admin/metrics");
  assertEquals(Object.keys(metrics.body).toSorted(), contract.metrics.toSorted());
  assertEquals(Object.keys(Object(metrics.body.states)).toSorted(), contract.states.toSorted());
  const sweep = await api.post("/admin/sweep", {});
  assertEquals(Object.keys(sweep.body).toSorted(), contract.sweep.toSorted());
});

Deno.test("/docs is one page that asks nothing of the network", async () => {
  await using api = await testApi({ withUi: true });
  const response = await api.fetch("/docs");
  const text = await response.text();
  assertEquals(response.status, 200);
  for (const route of contract.routes) assert(text.includes(route.split(" ")[1] ?? "?"), route);
  assertEquals(text.match(/<script|https?:\/\/|src=/g), null);
  assert(response.headers.get("content-security-policy")?.includes("default-src 'none'"));
});
