/** The routes of batches: jobs sent together, and what follows when they are done. */
import { z } from "@hono/zod-openapi";
import { BATCH_STATES, batchSchema } from "../core/batch.ts";
import { limits } from "../core/limits.ts";
import { newJobSchema } from "../core/job.ts";
import type { Batches } from "../runtime/batches.ts";
import { readActorId } from "./actor_resource.ts";
import { check, parseJson, readOptionalJson, readText } from "./request.ts";
import { SMALL_BYTES_MAX, tenantOf, withTenant } from "./resource.ts";
import { defineRoute, type Route } from "./route.ts";
import { tenantQuery } from "./schemas.ts";

/** All of it is stored by one transaction, which has five seconds. */
const BATCH_BYTES_MAX = 16 * 1024 * 1024;

const whole = z.int();
const instant = z.iso.datetime();
const ofTenant = z.object(tenantQuery);
const batchResource = z.object({
  id: z.string(),
  tenantId: z.string(),
  state: z.enum(BATCH_STATES),
  total: whole,
  succeeded: whole,
  failed: whole,
  cancelled: whole,
  left: whole,
  isReached: z.boolean(),
  createdAt: instant,
  finishedAt: instant.nullable(),
}).openapi("Batch");
/** As the document shows it; the jobs are checked one by one. */
const shownSchema = batchSchema.extend({
  jobs: z.array(newJobSchema).min(1).max(limits.batchJobsMax),
  then: newJobSchema.optional(),
});

/** `/batches` and what is below it. */
export function batchRoutes(batches: Batches): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/batches",
      summary: "Store jobs, all or none, and one that follows when all, any or so many are done",
      tag: "batches",
      scope: "enqueue",
      query: ofTenant,
      body: { "application/json": { schema: shownSchema } },
      answers: {
        200: ["The batch that this id and request have begun before", batchResource],
        201: ["Begun", batchResource],
      },
      codes: [
        "idempotency_conflict",
        "payload_too_large",
        "unsupported_media_type",
        "invalid_input",
        "unknown_type",
        "rate_limited",
      ],
      handle: async (call) => {
        const text = await readText(call.c, ["application/json"], BATCH_BYTES_MAX);
        const body = withTenant(parseJson(text, "Body"), tenantOf(call));
        const { batch, created } = await batches.startUnchecked(body);
        const location = `${call.prefix}/batches/${encodeURIComponent(batch.id)}`;
        return call.c.json(batch, created ? 201 : 200, { location });
      },
    }),
    defineRoute({
      method: "get",
      path: "/batches/{id}",
      summary: "One batch, and how far it has come",
      tag: "batches",
      scope: "read",
      idIsText: true,
      query: ofTenant,
      answers: { 200: ["The batch", batchResource] },
      codes: ["not_found"],
      handle: async (call) => call.c.json(await batches.get(tenantOf(call), readActorId(call.c))),
    }),
    defineRoute({
      method: "post",
      path: "/batches/{id}/cancel",
      summary: "End it: its jobs are cancelled, and nothing follows",
      tag: "batches",
      scope: "operate",
      audit: "batch.cancel",
      idIsText: true,
      query: ofTenant,
      body: { "application/json": { schema: z.strictObject({}) } },
      bodyIsOptional: true,
      answers: { 200: ["The batch", batchResource] },
      codes: ["not_found", "transition_rejected", "unsupported_media_type", "invalid_input"],
      handle: async (call) => {
        check(z.strictObject({}), await readOptionalJson(call.c, SMALL_BYTES_MAX));
        const batch = await batches.cancel(tenantOf(call), readActorId(call.c));
        call.note({ tenantId: batch.tenantId });
        return call.c.json(batch);
      },
    }),
  ];
}
