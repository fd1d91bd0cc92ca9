/** The routes of operators: end an actor, hold it, bring it back, branch off from its past. */
import { z } from "@hono/zod-openapi";
import type { Actor } from "../runtime/actor_view.ts";
import type { ActorAim, Actors } from "../runtime/actors.ts";
import { actorAimOf, actorResource, readActorId, respondWithActor } from "./actor_resource.ts";
import type { Note } from "./noting.ts";
import { check, readOptionalJson, readStorableJson } from "./request.ts";
import { SMALL_BYTES_MAX } from "./resource.ts";
import { defineRoute, type Route } from "./route.ts";
import { tenantQuery } from "./schemas.ts";

const reason = z.string().min(1).max(500);
const at = z.int().min(1);
const branch = {
  at,
  activities: z.enum(["reuse", "rerun"]).optional(),
  timers: z.enum(["restart", "keep"]).optional(),
};
const shared = {
  method: "post",
  tag: "actors",
  scope: "operate",
  query: z.object(tenantQuery),
  idIsText: true,
  ifMatch: true,
} as const;
const codes = [
  "not_found",
  "transition_rejected",
  "version_conflict",
  "unsupported_media_type",
  "invalid_input",
] as const;

/** `/cancel`, `/pause`, `/resume`, `/terminate`, `/fork`, `/rewind`. */
export function actorControlRoutes(actors: Actors): Route[] {
  return [
    control("cancel", "Ask it to end: its machine decides by CANCEL, else it is stopped", {
      schema: z.strictObject({ reason: reason.optional() }),
      act: (id, given, aim) => actors.cancel(id, given.reason ?? "api", aim),
    }),
    control("pause", "Step it no more until it is resumed", {
      schema: z.strictObject({}),
      act: (id, _, aim) => actors.pause(id, aim),
    }),
    control("resume", "Step it again, after a pause or a repair", {
      schema: z.strictObject({ skip: z.boolean().default(false) }),
      act: (id, given, aim) => actors.resume(id, { ...aim, skip: given.skip }),
    }),
    control("terminate", "End it now, whatever it is at", {
      schema: z.strictObject({ reason: reason.optional() }),
      act: (id, given, aim) => actors.terminate(id, given.reason ?? "api", aim),
    }),
    ...branchRoutes(actors),
  ];
}

function control<Schema extends z.ZodObject>(
  verb: string,
  summary: string,
  { schema, act }: {
    readonly schema: Schema;
    readonly act: (id: string, given: z.output<Schema>, aim: ActorAim) => Promise<Actor>;
  },
): Route {
  return defineRoute({
    ...shared,
    path: `/actors/{id}/${verb}`,
    audit: `actor.${verb}`,
    summary,
    body: { "application/json": { schema } },
    bodyIsOptional: true,
    answers: { 200: ["The actor after it", actorResource] },
    codes,
    handle: async (call) => {
      const given = check(schema, await readOptionalJson(call.c, SMALL_BYTES_MAX));
      const actor = await act(readActorId(call.c), given, actorAimOf(call));
      call.note(noteOf(actor, given));
      return respondWithActor(call.c, actor, 200);
    },
  });
}

/** What it was asked for with, and the version it left. */
function noteOf(
  { tenantId, version }: Pick<Actor, "tenantId" | "version">,
  { reason, ...detail }: Readonly<Record<string, unknown>>,
): Note {
  const plain = Object.entries(detail).map(([name, value]) => [name, String(value)]);
  return {
    tenantId,
    version,
    ...typeof reason === "string" ? { reason } : {},
    ...plain.length > 0 ? { detail: Object.fromEntries(plain) } : {},
  };
}

function branchRoutes(actors: Actors): Route[] {
  const forkSchema = z.strictObject({ ...branch, as: z.string().optional() });
  const rewindSchema = z.strictObject(branch);
  return [
    defineRoute({
      ...shared,
      path: "/actors/{id}/fork",
      audit: "actor.fork",
      summary: "A new actor from a version of this one's past",
      body: { "application/json": { schema: forkSchema } },
      answers: { 201: ["The new actor", actorResource] },
      codes: [...codes, "idempotency_conflict"],
      handle: async (call) => {
        const { as: name, ...given } = check(
          forkSchema,
          await readStorableJson(call.c, SMALL_BYTES_MAX),
        );
        const options = { ...actorAimOf(call), ...chosen(given) };
        const named = name === undefined ? options : { ...options, name };
        const actor = await actors.fork(readActorId(call.c), named);
        call.note({ ...noteOf(actor, { ...given, as: actor.id }), version: given.at });
        const location = `${call.prefix}/actors/${encodeURIComponent(actor.id)}`;
        return respondWithActor(call.c, actor, 201, { location });
      },
    }),
    defineRoute({
      ...shared,
      path: "/actors/{id}/rewind",
      audit: "actor.rewind",
      summary: "Back to a version of its past; what was begun since is left",
      body: { "application/json": { schema: rewindSchema } },
      answers: { 200: ["The actor after it", actorResource] },
      codes,
      handle: async (call) => {
        const given = check(rewindSchema, await readStorableJson(call.c, SMALL_BYTES_MAX));
        const options = { ...actorAimOf(call), ...chosen(given) };
        const actor = await actors.rewind(readActorId(call.c), options);
        call.note(noteOf(actor, given));
        return respondWithActor(call.c, actor, 200);
      },
    }),
  ];
}

function chosen(
  { at, activities, timers }: {
    at: number;
    activities?: "reuse" | "rerun" | undefined;
    timers?: "restart" | "keep" | undefined;
  },
) {
  return { at, ...activities && { activities }, ...timers && { timers } };
}
