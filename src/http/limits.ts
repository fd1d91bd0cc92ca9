/** The routes of limits: what a tenant, a queue, a type, a limit key may do, and how much of it. */
import { z } from "@hono/zod-openapi";
import type { Scope } from "../core/access.ts";
import { MalformedError, NotFoundError } from "../core/errors.ts";
import {
  type GateKind,
  type GateName,
  type Limits,
  limitsSchema,
  tenantLimitsSchema,
} from "../core/gate.ts";
import { nameSchema } from "../core/forms.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import type { Flow, Limiting } from "../runtime/limiting.ts";
import type { GatePace } from "./gate_pace.ts";
import { toGate, toLimits, toQueue } from "./gate_resource.ts";
import { check, readOptionalJson, readStorableJson } from "./request.ts";
import { SMALL_BYTES_MAX, tenantOf, withTenant } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import {
  gateResource,
  limitsResource,
  pageResource,
  queueResource,
  tenantLimitsResource,
  tenantQuery,
} from "./schemas.ts";
import { pageOf, shortListQuery } from "./short_list.ts";

const query = z.object(tenantQuery);
const ofTenant = { tenantId: nameSchema.optional() };
const namingTenant = {
  limits: limitsSchema.safeExtend(ofTenant),
  flow: z.strictObject(ofTenant),
} as const;
/** The path names it. */
const withoutTenant = { limits: tenantLimitsSchema, flow: z.strictObject({}) } as const;
const invalid = [
  ...["payload_too_large", "unsupported_media_type", "invalid_input"] as const,
  "rate_limited",
] as const;

type LimitsBody =
  & Omit<Limits, "weight" | "backlog">
  & { weight: number | null; backlog?: number | null; tenantId?: string | undefined };
type TenantCall = Call<{ tenantId?: string | undefined }>;

/** How a kind of gate is addressed. */
interface Place {
  readonly kind: GateKind;
  /** `/queues/{name}` */
  readonly path: string;
  readonly what: string;
  readonly bodies: {
    readonly limits: z.ZodType<LimitsBody>;
    readonly flow: z.ZodType<z.output<typeof namingTenant.flow>>;
  };
  /** The gate of a call; `body`: the tenant that its body names. */
  readonly gateOf: (call: TenantCall, body: string | null) => GateName;
  /** What a change asks for. */
  readonly changeScope: Scope;
}

const flows: Readonly<Record<string, Flow>> = {
  pause: "paused",
  resume: "open",
  drain: "draining",
};

const places: readonly Place[] = [
  {
    kind: "tenant",
    path: "/tenants/{tenantId}",
    what: "a tenant",
    bodies: withoutTenant,
    gateOf: ({ c, permission }) => {
      const tenantId = nameOf(c.req.param("tenantId"), "tenant");
      if (permission.tenantId !== null && permission.tenantId !== tenantId) {
        throw new NotFoundError("tenant", tenantId);
      }
      return { tenantId, kind: "tenant", name: "" };
    },
    // Who could raise its own limits would have none.
    changeScope: "platform",
  },
  {
    kind: "queue",
    path: "/queues/{name}",
    what: "a queue of a tenant",
    bodies: namingTenant,
    gateOf: (call, body) => ({
      tenantId: body ?? tenantOf(call) ?? DEFAULT_TENANT,
      kind: "queue",
      name: nameOf(call.c.req.param("name"), "queue"),
    }),
    changeScope: "operate",
  },
  {
    kind: "type",
    path: "/types/{type}",
    what: "a type, in all tenants together unless one is named",
    bodies: namingTenant,
    gateOf: (call, body) => ({
      tenantId: body ?? tenantOf(call),
      kind: "type",
      name: nameOf(call.c.req.param("type"), "type"),
    }),
    changeScope: "operate",
  },
  {
    kind: "key",
    path: "/limit-keys/{key}",
    what: "a limit key of a tenant",
    bodies: namingTenant,
    gateOf: (call, body) => ({
      tenantId: body ?? tenantOf(call) ?? DEFAULT_TENANT,
      kind: "key",
      name: nameOf(call.c.req.param("key"), "limit key"),
    }),
    changeScope: "operate",
  },
];

/** `/queues`, and `/limits`, `/pause`, `/resume`, `/drain` of tenants, queues, types and limit keys. */
export function limitRoutes(limiting: Limiting, pace: GatePace): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/queues",
      summary: "The queues of a tenant by name, with their jobs per state and their limits",
      tag: "limits",
      scope: "read",
      query: query.extend(shortListQuery),
      answers: { 200: ["All of them", pageResource(queueResource)] },
      handle: async (call) => {
        const queues = await limiting.queues(tenantOf(call) ?? DEFAULT_TENANT);
        return call.c.json(pageOf(queues.map(toQueue), ({ name }) => name, call.query));
      },
    }),
    ...places.flatMap((place) => [
      readLimits(place, limiting),
      setLimits(place, limiting, pace),
      ...Object.entries(flows).map(([verb, flow]) => setFlow(place, limiting, pace, verb, flow)),
    ]),
  ];
}

function readLimits({ path, what, kind, gateOf }: Place, limiting: Limiting): Route {
  return defineRoute({
    method: "get",
    path: `${path}/limits`,
    summary: `The limits of ${what}`,
    tag: "limits",
    scope: "read",
    query,
    answers: { 200: ["The limits; null: none", resourceOf(kind)] },
    ...(kind === "tenant" ? { codes: ["not_found"] as const } : {}),
    handle: async (call) => call.c.json(toLimits(await limiting.view(gateOf(call, null)))),
  });
}

function setLimits(place: Place, limiting: Limiting, pace: GatePace): Route {
  const schema = place.bodies.limits;
  return defineRoute({
    method: "put",
    path: `${place.path}/limits`,
    audit: `${place.kind}.limits`,
    summary: `Set the limits of ${place.what}; what is left out is no limit`,
    tag: "limits",
    scope: place.changeScope,
    query,
    body: { "application/json": { schema } },
    answers: { 200: ["The limits as they are now", resourceOf(place.kind)] },
    codes: place.kind === "tenant" ? ["not_found", ...invalid] : invalid,
    handle: async (call) => {
      const given = await readStorableJson(call.c, SMALL_BYTES_MAX);
      const body = check(schema, named(place, call, given));
      const { tenantId = null, weight, backlog = null, ...rest } = body;
      const gate = place.gateOf(call, tenantId);
      const limits = { ...rest, weight: weight ?? 1, backlog };
      pace.demand(call.permission.tenantId);
      call.note({ tenantId: gate.tenantId, detail: { ...limits } });
      return call.c.json(toLimits(await limiting.setLimits(gate, limits)));
    },
  });
}

function setFlow(
  place: Place,
  limiting: Limiting,
  pace: GatePace,
  verb: string,
  flow: Flow,
): Route {
  const effects = {
    paused: "nothing of it starts",
    open: "it starts and takes jobs again",
    draining: "it takes no new jobs, and works off those it has",
  };
  return defineRoute({
    method: "post",
    path: `${place.path}/${verb}`,
    audit: `${place.kind}.${verb}`,
    summary: `${verb.charAt(0).toUpperCase()}${verb.slice(1)} ${place.what}: ${effects[flow]}`,
    tag: "limits",
    scope: place.changeScope,
    query,
    body: { "application/json": { schema: place.bodies.flow } },
    bodyIsOptional: true,
    answers: { 200: ["How it stands now", gateResource] },
    codes: place.kind === "tenant" ? ["not_found", ...invalid] : invalid,
    handle: async (call) => {
      const given = await readOptionalJson(call.c, SMALL_BYTES_MAX);
      const { tenantId = null } = check(place.bodies.flow, named(place, call, given));
      const gate = place.gateOf(call, tenantId);
      pace.demand(call.permission.tenantId);
      call.note({ tenantId: gate.tenantId });
      return call.c.json(toGate(await limiting.setFlow(gate, flow)));
    },
  });
}

/** A body with the tenant of the query or the credential, where it may name one. */
function named({ kind }: Place, call: TenantCall, body: unknown): unknown {
  return kind === "tenant" ? body : withTenant(body, tenantOf(call));
}

function resourceOf(kind: GateKind) {
  return kind === "tenant" ? tenantLimitsResource : limitsResource;
}

function nameOf(text: string | undefined, what: string): string {
  const parsed = nameSchema.safeParse(text);
  if (!parsed.success) throw new MalformedError(`This is not the name of a ${what}`);
  return parsed.data;
}
