/** What the document of the API says of charts and the stream; pages are not in it. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { shortListQuery } from "../http/short_list.ts";

const chart = {
  id: z.string(),
  hash: z.string(),
};
const version = z.string().nullable();
const machine = z.object({ ...chart, version, states: z.int(), chart: z.string() });
const whole = z.looseObject({
  ...chart,
  version,
  versions: z.array(z.string()),
  name: z.string(),
  states: z.array(z.looseObject({ id: z.string(), key: z.string() })),
  transitions: z.array(z.looseObject({ id: z.string() })),
});
const count = z.object({ state: z.string(), status: z.string(), count: z.int() });
const ms = z.number();
const flow = z.object({
  windowMs: z.int(),
  coveredMs: ms,
  bucketMs: z.int(),
  moves: z.array(z.object({
    from: z.string().nullable(),
    event: z.string().nullable(),
    to: z.string(),
    count: z.int(),
    failed: z.int(),
  })),
  dwells: z.array(z.object({ state: z.string(), count: z.int(), p50Ms: ms, p99Ms: ms })),
  stuck: z.array(z.object({ state: z.string(), count: z.int() })),
  buckets: z.array(z.object({ at: z.string(), count: z.int(), failed: z.int() })),
  oldestMs: ms.nullable(),
});
const params = z.object({ id: z.string() });
const ofVersion = { version: z.string().optional() };
const problem = z.looseObject({ status: z.int(), code: z.string(), detail: z.string().optional() });

const paths = [
  {
    path: "/machines",
    summary: "The machines there are",
    request: { query: z.object(shortListQuery) },
    answer: ["One page", "application/json", list(machine)],
  },
  {
    path: "/machines/{id}",
    summary: "One machine: its states and transitions",
    request: { params, query: z.object(ofVersion) },
    answer: ["The chart as data", "application/json", whole],
  },
  {
    path: "/machines/{id}/chart.svg",
    summary: "The statechart, drawn; with its `hash` in the query it never changes",
    request: { params, query: z.object({ ...ofVersion, hash: z.string().optional() }) },
    answer: ["Elements with `data-state` and `data-transition`", "image/svg+xml", z.string()],
  },
  {
    path: "/machines/{id}/chart.mmd",
    summary: "The statechart as a Mermaid state diagram",
    request: { params, query: z.object(ofVersion) },
    answer: ["The text", "text/plain", z.string()],
  },
  {
    path: "/machines/{id}/counts",
    summary: "How many actors of a machine are in each state, the largest groups first",
    request: { params },
    answer: ["The groups", "application/json", list(count)],
  },
  {
    path: "/machines/{id}/flow",
    summary: "Which ways instances took, how long states lasted, who waits longer than usual",
    request: {
      params,
      query: z.object({ windowMs: z.int().min(60_000).max(86_400_000).optional() }),
    },
    answer: ["The flow of the last while", "application/json", flow],
  },
  {
    path: "/stream",
    summary: "Live: `counts` of a tenant, or each `step` of one `job` or `actor` and how it stands",
    request: {
      query: z.object({
        job: z.uuid().optional(),
        actor: z.string().optional(),
        tenantId: z.string().optional(),
        after: z.string().optional(),
      }),
      headers: z.object({ "last-event-id": z.string().optional() }),
    },
    answer: ["Server-sent events", "text/event-stream", z.string()],
  },
] as const;

/** Adds them to the document of the app that these routes are put into. */
export function documentUi(app: OpenAPIHono): void {
  for (const { path, summary, answer: [description, type, schema], ...rest } of paths) {
    const refusal = (about: string) => ({
      description: about,
      content: { "application/problem+json": { schema: problem } },
    });
    app.openAPIRegistry.registerPath({
      method: "get",
      path,
      operationId: `get${path.replaceAll(/[^a-z]+/g, "_").replace(/_$/, "")}`,
      summary,
      tags: ["charts"],
      ...rest,
      responses: {
        200: { description, content: { [type]: { schema } } },
        400: refusal("`malformed`"),
        401: refusal("`unauthenticated`"),
        403: refusal("`forbidden`"),
        ...(path.includes("{") || path === "/stream" ? { 404: refusal("`not_found`") } : {}),
        503: refusal("`unavailable`"),
        500: refusal("`internal`"),
      },
    });
  }
}

function list(item: z.ZodType) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}
