/** The route of the audit. */
import { z } from "@hono/zod-openapi";
import { MalformedError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { instantSchema } from "../core/forms.ts";
import { limits } from "../core/limits.ts";
import type { Audit } from "../runtime/audit.ts";
import { tenantOf } from "./resource.ts";
import { defineRoute, type Route } from "./route.ts";
import { anyJson, pageQuery, pageResource, tenantQuery } from "./schemas.ts";

const text = z.string().min(1).max(200);

const query = z.object({
  ...tenantQuery,
  who: text.optional(),
  action: text.optional(),
  subject: z.string().min(1).max(500).optional(),
  from: instantSchema.optional(),
  until: instantSchema.optional(),
  ...pageQuery,
});

/** One recorded action. */
const auditResource = z.object({
  id: z.uuid(),
  tenantId: z.string().nullable(),
  at: z.iso.datetime(),
  who: z.string(),
  action: z.string(),
  subject: z.string(),
  reason: z.string().nullable(),
  version: z.int().nullable(),
  detail: anyJson,
}).openapi("AuditRecord");

/** `GET /audit` */
export function auditRoutes(audit: Audit): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/audit",
      summary:
        "What operators did, newest first; an `action` that ends in a dot: all that begin so",
      tag: "access",
      scope: "operate",
      query,
      answers: { 200: ["One page", pageResource(auditResource)] },
      handle: async (call) => {
        const { who, action, subject, from, until, cursor, limit } = call.query;
        if (cursor !== undefined && !isUuid(cursor)) {
          throw new MalformedError("cursor is not one of ours");
        }
        const filter = {
          tenantId: tenantOf(call),
          who: who ?? null,
          action: action ?? null,
          subject: subject ?? null,
          from: from ?? null,
          until: until ?? null,
        };
        return call.c.json(
          await audit.page(filter, cursor ?? null, limit ?? limits.pageDefault),
        );
      },
    }),
  ];
}
