/** The routes of API keys. The text of a key is in one answer, and nowhere after. */
import { z } from "@hono/zod-openapi";
import { SCOPES } from "../core/access.ts";
import { MalformedError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { limits } from "../core/limits.ts";
import { type CreatedKey, type Keys, newKeyShape } from "../runtime/keys.ts";
import { check, readId, readOptionalJson, readStorableJson } from "./request.ts";
import { SMALL_BYTES_MAX, tenantOf, withTenant } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import { pageQuery, pageResource, tenantQuery } from "./schemas.ts";

const instant = z.iso.datetime();
const keyShape = {
  id: z.uuid(),
  tenantId: z.string().nullable(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: instant,
  expiresAt: instant.nullable(),
  revokedAt: instant.nullable(),
  lastUsedAt: instant.nullable(),
  isLive: z.boolean(),
} as const;
const keyResource = z.object(keyShape).openapi("Key");
const freshResource = z.object({ ...keyShape, key: z.string() }).openapi("FreshKey");
const rotateSchema = z.strictObject({
  overlapMs: z.int().min(0).max(limits.keyOverlapMsMax).default(0),
});
const shared = { tag: "access", scope: "operate", query: z.object(tenantQuery) } as const;
const invalid = ["payload_too_large", "unsupported_media_type", "invalid_input"] as const;

/** `/keys` */
export function keyRoutes(keys: Keys): Route[] {
  return [...lookRoutes(keys), ...makeRoutes(keys)];
}

function lookRoutes(keys: Keys): Route[] {
  return [
    defineRoute({
      ...shared,
      method: "get",
      path: "/keys",
      summary: "API keys, newest first, dead ones too; the secrets are known to their owners alone",
      query: shared.query.extend(pageQuery),
      answers: { 200: ["One page", pageResource(keyResource)] },
      handle: async (call) => {
        const { cursor = null, limit = limits.pageMax } = call.query;
        if (cursor !== null && !isUuid(cursor)) {
          throw new MalformedError("cursor is not one of ours");
        }
        return call.c.json(await keys.page(tenantOf(call), cursor, limit));
      },
    }),
    defineRoute({
      ...shared,
      method: "get",
      path: "/keys/{id}",
      summary: "One API key",
      answers: { 200: ["The key", keyResource] },
      codes: ["not_found"],
      handle: async (call) => call.c.json(await keys.get(tenantOf(call), readId(call.c))),
    }),
    defineRoute({
      ...shared,
      method: "delete",
      path: "/keys/{id}",
      summary: "Revoke an API key: it is refused everywhere within five seconds",
      audit: "key.revoke",
      answers: { 204: ["Revoked", null] },
      codes: ["not_found"],
      handle: async (call) => {
        const { tenantId } = await keys.revoke(tenantOf(call), readId(call.c));
        call.note({ tenantId });
        return call.c.body(null, 204);
      },
    }),
  ];
}

function makeRoutes(keys: Keys): Route[] {
  return [
    defineRoute({
      ...shared,
      method: "post",
      path: "/keys",
      summary: "Make an API key, with scopes that its maker has; `key` is shown this once",
      audit: "key.create",
      body: { "application/json": { schema: z.strictObject(newKeyShape) } },
      answers: { 201: ["The key and its text", freshResource] },
      codes: invalid,
      handle: async (call) => {
        const input = withTenant(
          await readStorableJson(call.c, SMALL_BYTES_MAX),
          tenantOf(call),
        );
        return respondWithFresh(call, await keys.create(input, call.permission));
      },
    }),
    defineRoute({
      ...shared,
      method: "post",
      path: "/keys/{id}/rotate",
      summary: "A new key in the place of another, which is good for `overlapMs` more",
      audit: "key.rotate",
      body: { "application/json": { schema: rotateSchema } },
      bodyIsOptional: true,
      answers: { 201: ["The new key and its text", freshResource] },
      codes: ["not_found", ...invalid],
      handle: async (call) => {
        const { overlapMs } = check(
          rotateSchema,
          await readOptionalJson(call.c, SMALL_BYTES_MAX),
        );
        const maker = { tenantId: tenantOf(call), may: call.permission.may };
        const created = await keys.rotate(readId(call.c), overlapMs, maker);
        const subject = `keys/${readId(call.c)}`;
        return respondWithFresh(call, created, { subject, overlapMs });
      },
    }),
  ];
}

function respondWithFresh(
  call: Call<unknown>,
  { key, text }: CreatedKey,
  rotated?: { readonly subject: string; readonly overlapMs: number },
): Response {
  const { subject = `keys/${key.id}`, ...rest } = rotated ?? {};
  const detail = { name: key.name, scopes: [...key.scopes], keyId: key.id, ...rest };
  call.note({ tenantId: key.tenantId, subject, detail });
  const location = `${call.prefix}/keys/${key.id}`;
  return call.c.json({ ...key, key: text }, 201, { location, "cache-control": "no-store" });
}
