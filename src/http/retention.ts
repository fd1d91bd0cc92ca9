/** What is kept, and for how long. */
import { z } from "@hono/zod-openapi";
import { ForbiddenError, NotFoundError } from "../core/errors.ts";
import {
  RETENTION_SUBJECTS,
  retentionNameSchema,
  type RetentionPolicy,
  retentionSchema,
} from "../core/retention.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { check, readStorableJson } from "./request.ts";
import { SMALL_BYTES_MAX, tenantOf } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import { pageResource, tenantQuery } from "./schemas.ts";

const policy = z.object({
  tenantId: z.string().nullable(),
  type: z.string().nullable(),
  state: z.enum(RETENTION_SUBJECTS),
  maxAgeMs: z.int().nullable(),
  maxCount: z.int().nullable(),
  keepSummary: z.boolean(),
  isDeclared: z.boolean(),
}).openapi("RetentionPolicy");

/** `/retention` */
export function retentionRoutes(jobs: Jobs): Route[] {
  const { retention } = jobs.host.store;
  const shared = { path: "/retention", tag: "admin", scope: "operate" } as const;
  return [
    defineRoute({
      ...shared,
      method: "get",
      summary: "What is kept: the most special policy counts, and what has none is kept for ever",
      query: z.object(tenantQuery),
      answers: { 200: ["The policies", pageResource(policy)] },
      handle: async (call) =>
        call.c.json({ items: await retention.list(tenantOf(call)), nextCursor: null }),
    }),
    defineRoute({
      ...shared,
      method: "put",
      audit: "retention.set",
      summary: "Keep ended jobs of a tenant, type and state for a time, or so many of them",
      query: z.object({}),
      body: { "application/json": { schema: retentionSchema } },
      answers: { 200: ["The policy", policy] },
      codes: ["payload_too_large", "unsupported_media_type", "invalid_input"],
      handle: async (call) => {
        const given = check(retentionSchema, await readStorableJson(call.c, SMALL_BYTES_MAX));
        const { state, keepSummary } = given;
        const kept: RetentionPolicy = {
          tenantId: ownTenant(call, given.tenantId ?? null),
          type: given.type ?? null,
          state,
          maxAgeMs: given.maxAgeMs ?? null,
          maxCount: given.maxCount ?? null,
          keepSummary,
          isDeclared: false,
        };
        await retention.set(kept);
        call.note({ tenantId: kept.tenantId, subject: "retention", detail: { ...kept } });
        return call.c.json(kept);
      },
    }),
    defineRoute({
      ...shared,
      method: "delete",
      audit: "retention.delete",
      summary: "Take a policy back",
      query: retentionNameSchema,
      answers: { 204: ["It is gone", null] },
      codes: ["not_found"],
      handle: async (call) => {
        const { type = null, state } = call.query;
        const tenantId = ownTenant(call, call.query.tenantId ?? null);
        if (!await retention.drop({ tenantId, type, state }, false)) {
          throw new NotFoundError("policy", `${tenantId ?? "*"}/${type ?? "*"}/${state}`);
        }
        call.note({ tenantId, subject: "retention", detail: { type, state } });
        return call.c.body(null, 204);
      },
    }),
  ];
}

/** A tenant's operator speaks for his own tenant, and has to say so. */
function ownTenant({ permission }: Call<unknown>, tenantId: string | null): string | null {
  if (permission.tenantId !== null && tenantId !== permission.tenantId) {
    throw new ForbiddenError("This credential is for its own tenant: name it");
  }
  return tenantId;
}
