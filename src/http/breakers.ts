/** The routes of circuit breakers: how they stand, what they have been through, and a hand on them. */
import { z } from "@hono/zod-openapi";
import { BREAKER_STATES } from "../../machines/breaker.ts";
import type { Breaker } from "../core/breaker.ts";
import { MalformedError } from "../core/errors.ts";
import type { GateName } from "../core/gate.ts";
import { nameSchema } from "../core/forms.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import type { BreakerDesk } from "../runtime/breakers.ts";
import { demand } from "./access.ts";
import type { GatePace } from "./gate_pace.ts";
import { check, readOptionalJson } from "./request.ts";
import { SMALL_BYTES_MAX, tenantOf, withTenant } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import { pageResource, tenantQuery, wholeText } from "./schemas.ts";
import { pageOf, shortListQuery } from "./short_list.ts";

const instant = z.iso.datetime();

const breakerResource = z.object({
  id: z.string(),
  kind: z.enum(["type", "key"]),
  name: z.string(),
  tenantId: z.string().nullable(),
  state: z.enum(BREAKER_STATES),
  version: z.number(),
  failures: z.number(),
  successes: z.number(),
  openUntil: instant.nullable(),
  settings: z.object({
    failures: z.number(),
    windowMs: z.number(),
    openMs: z.number(),
    probes: z.number(),
  }),
  changedAt: instant,
}).openapi("Breaker");

const stepResource = z.object({
  version: z.number(),
  from: z.enum(BREAKER_STATES).nullable(),
  event: z.string(),
  to: z.enum(BREAKER_STATES),
  at: instant,
  cause: z.string().nullable(),
}).openapi("BreakerTransition");

const bodySchema = z.strictObject({
  tenantId: nameSchema.optional(),
  reason: z.string().min(1).max(500).optional(),
});

const hands = [
  { verb: "open", event: "OPEN", what: "Open it: nothing starts until it is closed or reset" },
  { verb: "close", event: "CLOSE", what: "Close it: everything may start" },
  { verb: "reset", event: "RESET", what: "Forget its failures; an open one lets probes start now" },
] as const;

type TenantCall = Call<{ tenantId?: string | undefined }>;

/** `/breakers` */
export function breakerRoutes(desk: BreakerDesk, pace: GatePace): Route[] {
  return [
    listRoute(desk),
    oneRoute(desk),
    stepsRoute(desk),
    ...hands.map((hand) => handRoute(desk, pace, hand)),
  ];
}

function listRoute(desk: BreakerDesk): Route {
  return defineRoute({
    method: "get",
    path: "/breakers",
    summary: "Circuit breakers of types and limit keys, as far as they have ever failed",
    tag: "limits",
    scope: "read",
    query: z.object({ ...tenantQuery, ...shortListQuery }),
    answers: { 200: ["All of them", pageResource(breakerResource)] },
    handle: async (call) => {
      const items = (await desk.list(tenantOf(call) ?? DEFAULT_TENANT)).map(toResource);
      return call.c.json(
        pageOf(items, ({ tenantId, id }) => `${tenantId ?? ""} ${id}`, call.query),
      );
    },
  });
}

function oneRoute(desk: BreakerDesk): Route {
  return defineRoute({
    method: "get",
    path: "/breakers/{breaker}",
    summary: "One breaker: `type:<type>` or `key:<limit key>`",
    tag: "limits",
    scope: "read",
    query: z.object(tenantQuery),
    answers: { 200: ["The breaker", breakerResource] },
    codes: ["not_found"],
    handle: async (call) => call.c.json(toResource(await desk.get(gateOf(call, null)))),
  });
}

function stepsRoute(desk: BreakerDesk): Route {
  return defineRoute({
    method: "get",
    path: "/breakers/{breaker}/transitions",
    summary: "What it has been through, ascending",
    tag: "limits",
    scope: "read",
    query: z.object({
      ...tenantQuery,
      cursor: wholeText(0, 2_147_483_647).optional(),
      limit: wholeText(1, limits.pageMax).optional(),
    }),
    answers: { 200: ["One page", pageResource(stepResource)] },
    codes: ["not_found"],
    handle: async (call) => {
      const { cursor = 0, limit = limits.pageDefault } = call.query;
      const items = await desk.steps(gateOf(call, null), cursor, limit);
      const last = items.at(-1);
      const nextCursor = items.length === limit && last ? String(last.version) : null;
      return call.c.json({ items, nextCursor });
    },
  });
}

function handRoute(
  desk: BreakerDesk,
  pace: GatePace,
  { verb, event, what }: typeof hands[number],
): Route {
  return defineRoute({
    method: "post",
    path: `/breakers/{breaker}/${verb}`,
    summary: what,
    tag: "limits",
    scope: "operate",
    audit: `breaker.${verb}`,
    query: z.object(tenantQuery),
    body: { "application/json": { schema: bodySchema } },
    bodyIsOptional: true,
    answers: { 200: ["The breaker as it is now", breakerResource] },
    codes: [
      ...["not_found", "payload_too_large", "unsupported_media_type", "invalid_input"] as const,
      "rate_limited",
    ],
    handle: async (call) => {
      const given = await readOptionalJson(call.c, SMALL_BYTES_MAX);
      const { tenantId = null, reason } = check(bodySchema, withTenant(given, tenantOf(call)));
      const gate = gateOf(call, tenantId);
      // That of a type is of all tenants.
      if (gate.tenantId === null) demand(call.permission, "platform");
      pace.demand(call.permission.tenantId);
      const breaker = await desk.move(gate, event, reason ?? "operator");
      const { tenantId: of } = gate;
      call.note({
        tenantId: of,
        version: breaker.version,
        ...reason === undefined ? {} : { reason },
      });
      return call.c.json(toResource(breaker));
    },
  });
}

/** `type:<name>` is of all tenants together, `key:<name>` of one. */
function gateOf(call: TenantCall, body: string | null): GateName {
  const id = call.c.req.param("breaker") ?? "";
  const [, kind, text] = /^(type|key):(.*)$/.exec(id) ?? [];
  const name = nameSchema.safeParse(text);
  if (!name.success) throw new MalformedError("A breaker is type:<type> or key:<limit key>");
  if (kind === "type") return { tenantId: null, kind, name: name.data };
  const tenantId = body ?? tenantOf(call) ?? DEFAULT_TENANT;
  return { tenantId, kind: "key", name: name.data };
}

function toResource({ gate, state, version, context, changedAt }: Breaker) {
  const { failedAt, successes, openUntil, settings } = context;
  return {
    id: `${gate.kind}:${gate.name}`,
    ...{ kind: gate.kind, name: gate.name, tenantId: gate.tenantId, state, version },
    ...{ failures: failedAt.length, successes, settings, changedAt },
    openUntil: openUntil === null ? null : new Date(openUntil).toISOString(),
  };
}
