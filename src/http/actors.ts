/** The routes of actors: start them, send them events, look at them, wait for them. */
import { z } from "@hono/zod-openapi";
import { readActorQuery } from "../core/actor_search.ts";
import { MalformedError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { nameSchema } from "../core/forms.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { isText } from "../core/term.ts";
import type { Actor } from "../runtime/actor_view.ts";
import { untilOf } from "../runtime/actor_options.ts";
import type { Actors } from "../runtime/actors.ts";
import { isEnded } from "../runtime/place.ts";
import {
  actorAimOf,
  actorLine,
  actorResource,
  actorStatus,
  actorTransition,
  failedMember,
  readActorId,
  respondWithActor,
} from "./actor_resource.ts";
import { tagOf, unlessKnown } from "./condition.ts";
import { check, readStorableJson } from "./request.ts";
import { JOB_BYTES_MAX, tenantOf, withTenant } from "./resource.ts";
import { readSearch } from "./search.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import {
  anyJson,
  flagText,
  pageQuery,
  pageResource,
  reasonsResource,
  tenantQuery,
  wholeText,
} from "./schemas.ts";
import { stepsPage, stepsQuery, stretchOf } from "./steps.ts";

const VERSION_MAX = 2 ** 31 - 1;
const text = z.string().min(1).max(500);
/** The address of an actor, of a child of children too: PostgreSQL indexes none that is longer. */
const CURSOR_LENGTH_MAX = 4_096;

const startSchema = z.strictObject({
  machine: z.string().min(1).max(limits.nameLengthMax),
  id: z.string().optional(),
  input: z.unknown().optional(),
  tenantId: nameSchema.optional(),
  event: z.looseObject({ type: z.string() }).optional(),
});
const listQuery = z.object({
  ...tenantQuery,
  machine: text.optional(),
  status: actorStatus.optional(),
  state: text.optional(),
  q: z.string().min(1).max(limits.queryLengthMax).optional(),
  ...pageQuery,
  cursor: z.string().max(CURSOR_LENGTH_MAX).optional(),
});
const eventQuery = z.object({
  ...tenantQuery,
  async: flagText.optional(),
  dryRun: flagText.optional(),
  dedupeKey: z.string().min(1).max(limits.keyLengthMax).optional(),
  timeoutMs: wholeText(0, limits.waitMsMax).optional(),
});
const waitQuery = z.object({
  ...tenantQuery,
  until: z.string().regex(/^(done|tag:.+|state:.+)$/, 'Must be "done", "tag:x" or "state:a.b"'),
  timeoutMs: wholeText(0, limits.waitMsMax).optional(),
});
const eventSchema = z.looseObject({ type: z.string() });
const eventAnswer = z.object({
  outcome: z.enum(["handled", "unhandled", "deferred"]),
  reason: z.string().nullable(),
  actor: actorResource,
});
const seenAnswer = z.object({
  outcome: z.string(),
  reason: z.string().nullable(),
  from: anyJson,
  to: anyJson,
  status: z.string(),
  candidates: z.array(z.looseObject({ source: z.string() })),
  taken: z.array(z.looseObject({ source: z.string() })),
  actions: z.array(z.string()),
  effects: z.array(z.looseObject({ kind: z.string() })),
  contextPatch: z.array(z.looseObject({ op: z.string(), path: z.string() })),
});
const refusals = [
  "not_found",
  "transition_rejected",
  "version_conflict",
  "payload_too_large",
  "unsupported_media_type",
  "invalid_input",
] as const;

/** `/actors`, `/actors/{id}` and what is read or sent below it. */
export function actorRoutes(actors: Actors): Route[] {
  return [
    ...startRoutes(actors),
    ...eventRoutes(actors),
    ...readRoutes(actors),
    ...memberRoutes(actors),
  ];
}

function startRoutes(actors: Actors): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/actors",
      summary: "Start an actor; once per id",
      tag: "actors",
      scope: "enqueue",
      query: z.object(tenantQuery),
      body: { "application/json": { schema: startSchema } },
      answers: {
        200: ["The actor that this id and input have started before", actorResource],
        201: ["Started", actorResource],
      },
      codes: [
        "unknown_machine",
        "idempotency_conflict",
        "transition_rejected",
        "payload_too_large",
        "unsupported_media_type",
        "invalid_input",
      ],
      handle: async (call) => {
        const body = withTenant(await readStorableJson(call.c, JOB_BYTES_MAX), tenantOf(call));
        const { actor, created } = await actors.start(check(startSchema, body));
        const location = `${call.prefix}/actors/${encodeURIComponent(actor.id)}`;
        return respondWithActor(call.c, actor, created ? 201 : 200, { location });
      },
    }),
    defineRoute({
      method: "get",
      path: "/actors",
      summary: "A tenant's actors, in the order of their ids",
      tag: "actors",
      scope: "read",
      query: listQuery,
      answers: { 200: ["One page", pageResource(actorLine)] },
      handle: async (call) => {
        const { limit = limits.pageDefault, cursor = "", machine, status, state } = call.query;
        const { search, tenantId } = readSearch(call, actors.now(), readActorQuery);
        const twice = [
          ...(machine === undefined || search.machine === null
            ? []
            : [isText("machine" as const, search.machine)]),
          ...(status === undefined || search.status === null
            ? []
            : [isText("status" as const, search.status)]),
        ];
        const filter = {
          tenantId: tenantId ?? DEFAULT_TENANT,
          machine: machine ?? search.machine,
          status: status ?? search.status,
          state: state ?? null,
          id: search.id,
          terms: [...search.terms, ...twice],
        };
        const { items, next } = await actors.list(filter, cursor, limit);
        return call.c.json({ items, nextCursor: next });
      },
    }),
  ];
}

function eventRoutes(actors: Actors): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/actors/{id}/events",
      summary: "Send an event; answers after its turn",
      tag: "actors",
      scope: "enqueue",
      query: eventQuery,
      idIsText: true,
      ifMatch: true,
      body: { "application/json": { schema: eventSchema } },
      answers: {
        200: ["What became of it; with `dryRun`, what would", z.union([eventAnswer, seenAnswer])],
        202: ["With `async`: stored, its turn comes", z.object({ mailId: z.uuid() })],
      },
      codes: refusals,
      handle: (call) => sendEvent(call, actors),
    }),
  ];
}

function isAlone({ activities, children }: Actor): boolean {
  return [activities, children].every((each) => Array.isArray(each) && each.length === 0);
}

const shared = {
  method: "get",
  tag: "actors",
  scope: "read",
  idIsText: true,
  codes: ["not_found"],
} as const;

function memberRoutes(actors: Actors): Route[] {
  return [
    defineRoute({
      ...shared,
      path: "/actors/{id}/failures",
      summary: "Of a forEach: its jobs that gave up, and its items that were refused",
      query: z.object({ ...tenantQuery, ...pageQuery }),
      answers: { 200: ["One page", pageResource(failedMember)] },
      handle: async (call) => {
        const { limit = limits.pageDefault, cursor } = call.query;
        if (cursor !== undefined && !isUuid(cursor)) {
          throw new MalformedError("cursor is not one of ours");
        }
        const id = readActorId(call.c);
        const items = await actors.failures(tenantOf(call), id, cursor ?? null, limit);
        const last = items.length === limit ? items.at(-1) : undefined;
        return call.c.json({ items, nextCursor: last?.jobId ?? null });
      },
    }),
  ];
}

function readRoutes(actors: Actors): Route[] {
  return [
    defineRoute({
      ...shared,
      path: "/actors/{id}",
      summary: "One actor; with `version`, as it was then",
      query: z.object({ ...tenantQuery, version: wholeText(1, VERSION_MAX).optional() }),
      ifNoneMatch: true,
      answers: { 200: ["The actor", actorResource] },
      handle: async (call) => {
        const { version } = call.query;
        const actor = await actors.get(tenantOf(call), readActorId(call.c), version);
        // Its activities end, and its children change, beside its version: what shows none now may have shown some.
        const etag = isEnded(actor.status) && isAlone(actor) ? tagOf(actor) : null;
        return unlessKnown(call.c, etag, () => respondWithActor(call.c, actor, 200));
      },
    }),
    defineRoute({
      ...shared,
      path: "/actors/{id}/explain",
      summary: "What it is waiting for: reasons in the order in which they would have to go away",
      query: z.object(tenantQuery),
      answers: { 200: ["The reasons", reasonsResource] },
      handle: async (call) => {
        return call.c.json({ reasons: await actors.explain(tenantOf(call), readActorId(call.c)) });
      },
    }),
    defineRoute({
      ...shared,
      path: "/actors/{id}/transitions",
      summary: "Its past, ascending; with `last`, the newest so many steps",
      query: stepsQuery,
      answers: { 200: ["One page", pageResource(actorTransition)] },
      handle: async (call) => {
        const stretch = stretchOf(call.query);
        const { after, limit } = stretch;
        const steps = await actors.history(tenantOf(call), readActorId(call.c), after, limit);
        // A row has what a job's has: attempts are made by the jobs of an actor, none by itself.
        return call.c.json(stepsPage(steps.map((step) => ({ ...step, attempt: null })), stretch));
      },
    }),
    defineRoute({
      ...shared,
      path: "/actors/{id}/wait",
      summary: "Wait until it has ended, or has been in a state or had a tag",
      query: waitQuery,
      answers: {
        200: ["The actor as it was then", actorResource],
        204: ["Not in time, or it has ended otherwise", null],
      },
      handle: async (call) => {
        const { until, timeoutMs } = call.query;
        const options = {
          signal: call.c.req.raw.signal,
          ...timeoutMs === undefined ? {} : { timeoutMs },
        };
        const id = readActorId(call.c);
        const actor = await actors.wait(tenantOf(call), id, untilOf(until), options);
        return actor ? respondWithActor(call.c, actor, 200) : call.c.body(null, 204);
      },
    }),
  ];
}

async function sendEvent(
  call: Call<z.output<typeof eventQuery>>,
  actors: Actors,
): Promise<Response> {
  const { query, c } = call;
  const id = readActorId(c);
  const event = check(eventSchema, await readStorableJson(c, JOB_BYTES_MAX));
  const options = { ...actorAimOf(call), key: query.dedupeKey, timeoutMs: query.timeoutMs };
  if (query.dryRun) {
    const { effects, ...seen } = await actors.foresee(id, event, options);
    const plain = effects.map((effect) => ({ ...effect, exec: undefined }));
    return c.json({ ...seen, reason: seen.reason ?? null, effects: plain });
  }
  if (query.async) return c.json({ mailId: await actors.post(id, event, options) }, 202);
  return c.json(await actors.send(id, event, options));
}
