/** The routes of operators: counts, sweeps, what failed, tenants. */
import { z } from "@hono/zod-openapi";
import { instantSchema, nameSchema } from "../core/forms.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { JOB_STATES } from "../../machines/job.ts";
import type { Admin } from "../runtime/admin.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { send } from "./job_events.ts";
import { check, readOptionalJson } from "./request.ts";
import { SMALL_BYTES_MAX, tenantOf, withTenant } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import { jobResource, pageQuery, pageResource, tenantQuery } from "./schemas.ts";

const IDS_BYTES_MAX = 1024 * 1024;

const ofTenant = z.object(tenantQuery);
const counts = z.object(Object.fromEntries(JOB_STATES.map((state) => [state, z.int()])));
const swept = z.object({ recovered: z.int(), quarantined: z.int(), due: z.int() });
const retrySchema = z.strictObject({
  tenantId: nameSchema.optional(),
  from: instantSchema.optional(),
  to: instantSchema.optional(),
  ids: z.array(z.uuid()).min(1).max(limits.idsMax).optional(),
  type: nameSchema.optional(),
  error: z.string().min(1).max(200).optional(),
  dryRun: z.boolean().default(false),
}).refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
  path: ["to"],
  message: "Is before from",
});

/** `/admin/…` */
export function adminRoutes(jobs: Jobs, admin: Admin): Route[] {
  const shared = { tag: "admin", scope: "operate" } as const;
  return [
    defineRoute({
      ...shared,
      method: "get",
      path: "/admin/metrics",
      scope: "read",
      summary: "Jobs per state and queue, of all tenants unless one is named",
      query: ofTenant,
      answers: {
        200: ["Counts", z.object({ states: counts, queues: z.record(z.string(), counts) })],
      },
      handle: (call) => readMetrics(call, jobs),
    }),
    sweepRoute(admin),
    defineRoute({
      ...shared,
      method: "post",
      path: "/admin/retry-failed",
      audit: "jobs.retry-failed",
      summary: "Bring back dead letters and jobs that wait for their next attempt",
      query: ofTenant,
      body: { "application/json": { schema: retrySchema } },
      bodyIsOptional: true,
      answers: {
        202: [
          "How many there are, and the operation that brings them back; null of a dry run",
          z.object({ operationId: z.uuid().nullable(), matched: z.int() }),
        ],
      },
      codes: ["payload_too_large", "unsupported_media_type", "invalid_input"],
      handle: (call) => retryFailed(call, admin),
    }),
    defineRoute({
      ...shared,
      method: "post",
      path: "/admin/requeue-deadletter/{id}",
      audit: "job.requeue",
      summary: "REQUEUE of one dead letter",
      query: ofTenant,
      ifMatch: true,
      body: { "application/json": { schema: z.strictObject({}) } },
      bodyIsOptional: true,
      answers: { 200: ["The job, pending", jobResource] },
      codes: [
        "not_found",
        "transition_rejected",
        "idempotency_conflict",
        "unsupported_media_type",
        "invalid_input",
      ],
      handle: async (call) => {
        check(z.strictObject({}), await readOptionalJson(call.c, SMALL_BYTES_MAX));
        return await send(call, jobs, { type: "REQUEUE" }, "api");
      },
    }),
  ];
}

function sweepRoute(admin: Admin): Route {
  return defineRoute({
    tag: "admin",
    method: "post",
    path: "/admin/sweep",
    audit: "admin.sweep",
    scope: "platform",
    summary: "Recover expired leases now, and wake every worker",
    query: z.object({}),
    body: { "application/json": { schema: z.strictObject({}) } },
    bodyIsOptional: true,
    answers: {
      200: ["What it did", swept],
    },
    codes: ["payload_too_large", "unsupported_media_type", "invalid_input"],
    handle: async ({ c }) => {
      check(z.strictObject({}), await readOptionalJson(c, SMALL_BYTES_MAX));
      return c.json(await admin.sweep());
    },
  });
}

/** `/tenants` */
export function tenantRoutes(admin: Admin): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/tenants",
      summary: "Tenants by name; they exist from their first job",
      tag: "admin",
      scope: "platform",
      query: z.object(pageQuery),
      answers: {
        200: [
          "One page",
          pageResource(z.object({ id: z.string(), createdAt: z.iso.datetime() })),
        ],
      },
      handle: async ({ c, query: { cursor = "", limit = limits.pageDefault } }) => {
        const items = await admin.tenants(cursor, limit);
        const last = items.length === limit ? items.at(-1) : undefined;
        return c.json({ items, nextCursor: last?.id ?? null });
      },
    }),
  ];
}

async function readMetrics(
  call: Call<{ tenantId?: string | undefined }>,
  jobs: Jobs,
): Promise<Response> {
  const none = Object.fromEntries(JOB_STATES.map((state) => [state, 0]));
  const states = { ...none };
  // By name in a map: clients choose the names, and an object has members of its own.
  const queues = new Map<string, Record<string, number>>();
  for (const { queue, state, count } of await jobs.counts(tenantOf(call))) {
    states[state] = (states[state] ?? 0) + count;
    const ofQueue = queues.get(queue) ?? { ...none };
    ofQueue[state] = (ofQueue[state] ?? 0) + count;
    queues.set(queue, ofQueue);
  }
  return call.c.json({ states, queues: Object.fromEntries(queues) });
}

async function retryFailed(
  call: Call<{ tenantId?: string | undefined }>,
  admin: Admin,
): Promise<Response> {
  const body = withTenant(await readOptionalJson(call.c, IDS_BYTES_MAX), tenantOf(call));
  const { dryRun, ...given } = check(retrySchema, body);
  const started = await admin.retryFailed(given, dryRun);
  const { ids, from = null, to = null, type = null, error = null } = given;
  const tenantId = given.tenantId ?? (ids === undefined ? DEFAULT_TENANT : null);
  const detail = { from, to, type, error, ids: ids?.length ?? null, ...started };
  call.note(dryRun ? null : { tenantId, subject: "jobs", detail });
  return call.c.json(started, 202);
}
