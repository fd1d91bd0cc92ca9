/** The routes of operations: begin one, see how far it is, stop it, go on. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { MalformedError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { limits } from "../core/limits.ts";
import { operationSchema } from "../core/operation.ts";
import type { Jobs } from "../runtime/jobs.ts";
import type { Operations } from "../runtime/operations.ts";
import { check, readId, readOptionalJson, readStorableJson } from "./request.ts";
import { SMALL_BYTES_MAX, tenantOf, toResource, withTenant } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import {
  jobResource,
  operationItemResource,
  operationResource,
  pageQuery,
  pageResource,
  tenantQuery,
} from "./schemas.ts";

const IDS_BYTES_MAX = 1024 * 1024;

const ofTenant = z.object(tenantQuery);
const page = z.object({ ...tenantQuery, ...pageQuery });
const dryRun = z.object({
  operationId: z.null(),
  matched: z.int(),
  sample: z.array(jobResource),
});

/** `/operations` and what is below it. */
export function operationRoutes(operations: Operations, jobs: Jobs): Route[] {
  return [
    ...startRoutes(operations, jobs),
    ...readRoutes(operations),
    ...controlRoutes(operations),
  ];
}

function startRoutes(operations: Operations, jobs: Jobs): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/operations",
      summary: "Requeue, retry, cancel, reschedule or delete the jobs that match now",
      tag: "operations",
      scope: "operate",
      audit: "operation.start",
      query: ofTenant,
      body: { "application/json": { schema: operationSchema } },
      answers: {
        200: ["A dry run: how many, and a sample", dryRun],
        202: ["Begun", operationResource.extend({ operationId: z.uuid() })],
      },
      codes: [
        "idempotency_conflict",
        "payload_too_large",
        "unsupported_media_type",
        "invalid_input",
      ],
      handle: (call) => start(call, operations, jobs),
    }),
  ];
}

function readRoutes(operations: Operations): Route[] {
  const shared = { method: "get", tag: "operations", scope: "operate" } as const;
  return [
    defineRoute({
      ...shared,
      path: "/operations",
      summary: "A tenant's operations, newest first; of all tenants with a platform key",
      query: page,
      answers: { 200: ["One page", pageResource(operationResource)] },
      handle: async (call) => {
        const { cursor = null, limit = limits.pageDefault } = call.query;
        if (cursor !== null && !isUuid(cursor)) throw notOurs();
        const items = await operations.list(tenantOf(call), cursor, limit);
        const last = items.length === limit ? items.at(-1) : undefined;
        return call.c.json({ items, nextCursor: last?.id ?? null });
      },
    }),
    defineRoute({
      ...shared,
      path: "/operations/{id}",
      summary: "One operation, and how far it has come",
      query: ofTenant,
      answers: { 200: ["The operation", operationResource] },
      codes: ["not_found"],
      handle: async (call) => call.c.json(await operations.get(tenantOf(call), readId(call.c))),
    }),
    defineRoute({
      ...shared,
      path: "/operations/{id}/items",
      summary: "Its jobs in the order in which they are carried out, and what became of each",
      query: page,
      answers: { 200: ["One page", pageResource(operationItemResource)] },
      codes: ["not_found"],
      handle: (call) => readItems(call, operations),
    }),
  ];
}

function controlRoutes(operations: Operations): Route[] {
  const shared = {
    method: "post",
    tag: "operations",
    scope: "operate",
    query: ofTenant,
    body: { "application/json": { schema: z.strictObject({}) } },
    bodyIsOptional: true,
    answers: { 200: ["The operation", operationResource] },
    codes: ["not_found", "transition_rejected", "unsupported_media_type", "invalid_input"],
  } as const;
  return [
    defineRoute({
      ...shared,
      path: "/operations/{id}/stop",
      audit: "operation.stop",
      summary: "Let the part under way end, and begin no other",
      handle: async (call) => {
        await demandEmpty(call.c);
        const operation = await operations.stop(tenantOf(call), readId(call.c));
        call.note({ tenantId: operation.tenantId });
        return call.c.json(operation);
      },
    }),
    defineRoute({
      ...shared,
      path: "/operations/{id}/resume",
      audit: "operation.resume",
      summary: "Go on where it was stopped, or where it failed",
      handle: async (call) => {
        await demandEmpty(call.c);
        const operation = await operations.resume(tenantOf(call), readId(call.c));
        call.note({ tenantId: operation.tenantId });
        return call.c.json(operation);
      },
    }),
  ];
}

async function start(
  call: Call<{ tenantId?: string | undefined }>,
  operations: Operations,
  jobs: Jobs,
): Promise<Response> {
  const body = withTenant(await readStorableJson(call.c, IDS_BYTES_MAX), tenantOf(call));
  const request = check(operationSchema, body);
  if (request.dryRun) {
    const { matched, sample } = await operations.foresee(request);
    call.note(null);
    const shown = sample.map((job) => toResource(job, jobs));
    return call.c.json({ operationId: null, matched, sample: shown });
  }
  const operation = await operations.start(request, { requestedBy: call.permission.who });
  const { id, tenantId, action, matched } = operation;
  call.note({ tenantId, subject: `operations/${id}`, detail: { action, matched } });
  const location = `${call.prefix}/operations/${operation.id}`;
  return call.c.json({ ...operation, operationId: operation.id }, 202, { location });
}

async function readItems(
  call: Call<z.output<typeof page>>,
  operations: Operations,
): Promise<Response> {
  const { cursor = "0:0", limit = limits.pageDefault } = call.query;
  const [, part, index] = /^(\d{1,9}):(\d{1,9})$/.exec(cursor) ?? [];
  if (part === undefined || index === undefined) throw notOurs();
  const after = [Number(part), Number(index)] as const;
  const items = await operations.items(tenantOf(call), readId(call.c), after, limit);
  const last = items.length === limit ? items.at(-1) : undefined;
  return call.c.json({
    items: items.map(({ tenantId, id, outcome, at }) => ({
      ...{ tenantId, jobId: id, at },
      outcome: outcome ?? "waiting",
    })),
    nextCursor: last ? `${last.place[0]}:${last.place[1] + 1}` : null,
  });
}

async function demandEmpty(c: Context): Promise<void> {
  check(z.strictObject({}), await readOptionalJson(c, SMALL_BYTES_MAX));
}

function notOurs(): MalformedError {
  return new MalformedError("cursor is not one of ours");
}
