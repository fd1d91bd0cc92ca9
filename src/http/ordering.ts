/** The routes of ordering keys: which of them wait for an operator, and how they go on. */
import { z } from "@hono/zod-openapi";
import { MalformedError } from "../core/errors.ts";
import { nameSchema } from "../core/forms.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import type { Ordering } from "../runtime/ordering.ts";
import { check, readOptionalJson } from "./request.ts";
import { SMALL_BYTES_MAX, tenantOf, withTenant } from "./resource.ts";
import { defineRoute, type Route } from "./route.ts";
import { pageQuery, pageResource, tenantQuery } from "./schemas.ts";

const blockedResource = z.object({
  tenantId: z.string(),
  key: z.string(),
  jobId: z.uuid(),
  type: z.string().nullable(),
  error: z.string().nullable(),
  since: z.iso.datetime(),
  waiting: z.number(),
}).openapi("BlockedOrderingKey");

const bodySchema = z.strictObject({ tenantId: nameSchema.optional() });

/** `/ordering-keys` */
export function orderingRoutes(ordering: Ordering): Route[] {
  return [blockedRoute(ordering), unblockRoute(ordering)];
}

function blockedRoute(ordering: Ordering): Route {
  return defineRoute({
    method: "get",
    path: "/ordering-keys",
    summary: "Ordering keys that are blocked by a dead letter, by name",
    tag: "limits",
    scope: "read",
    query: z.object({ ...tenantQuery, ...pageQuery }),
    answers: { 200: ["One page", pageResource(blockedResource)] },
    handle: async (call) => {
      const { cursor = "", limit = limits.pageDefault } = call.query;
      const tenantId = tenantOf(call) ?? DEFAULT_TENANT;
      const found = await ordering.blocked(tenantId, cursor, limit + 1);
      const items = found.slice(0, limit);
      const nextCursor = found.length > limit ? items.at(-1)?.key ?? null : null;
      return call.c.json({ items, nextCursor });
    },
  });
}

function unblockRoute(ordering: Ordering): Route {
  return defineRoute({
    method: "post",
    path: "/ordering-keys/{key}/unblock",
    summary: "Let a blocked ordering key go on: its dead letter stays one, and loses its place",
    tag: "limits",
    scope: "operate",
    audit: "ordering-key.unblock",
    query: z.object(tenantQuery),
    body: { "application/json": { schema: bodySchema } },
    bodyIsOptional: true,
    answers: {
      200: ["The job that has blocked it", z.object({ key: z.string(), jobId: z.uuid() })],
    },
    codes: ["not_found", "payload_too_large", "unsupported_media_type", "invalid_input"],
    handle: async (call) => {
      const parsed = nameSchema.safeParse(call.c.req.param("key"));
      if (!parsed.success) throw new MalformedError("This is not an ordering key");
      const given = await readOptionalJson(call.c, SMALL_BYTES_MAX);
      const { tenantId } = check(bodySchema, withTenant(given, tenantOf(call)));
      const owner = tenantId ?? tenantOf(call) ?? DEFAULT_TENANT;
      const jobId = await ordering.unblock(owner, parsed.data);
      call.note({ tenantId: owner, detail: { jobId } });
      return call.c.json({ key: parsed.data, jobId });
    },
  });
}
