/** What routes of actors share: their schemas, and how an actor is answered with. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { MalformedError } from "../core/errors.ts";
import type { Actor } from "../runtime/actor_view.ts";
import type { ActorAim } from "../runtime/actors.ts";
import { readIfMatch } from "./request.ts";
import { tenantOf } from "./resource.ts";
import type { Call } from "./route.ts";
import { anyJson } from "./schemas.ts";

const whole = z.int();
const instant = z.iso.datetime();

/** The statuses of an actor. */
export const actorStatus = z.enum([
  "active",
  "done",
  "error",
  "stalled",
  "paused",
  "blocked",
  "cancelled",
  "terminated",
]);

/** An actor: every key is there, null when empty. */
export const actorResource = z.object({
  id: z.string(),
  tenantId: z.string(),
  machine: z.string(),
  machineVersion: z.string(),
  status: actorStatus,
  state: z.string(),
  value: anyJson,
  tags: z.array(z.string()),
  context: anyJson,
  version: whole,
  output: anyJson,
  error: anyJson,
  timers: z.array(z.looseObject({ id: z.string(), dueAt: instant.nullable() })),
  activities: z.array(
    z.looseObject({ id: z.string(), src: z.string(), jobId: z.uuid().nullable() }),
  ),
  children: z.array(z.looseObject({ id: z.string(), machine: z.string(), status: actorStatus })),
  parentId: z.string().nullable(),
  forkedFrom: z.object({ actor: z.string(), version: whole }).nullable(),
  accepts: z.array(z.string()),
  createdAt: instant,
  updatedAt: instant,
}).openapi("Actor");

/** One line of a list of actors. */
export const actorLine = z.object({
  id: z.string(),
  tenantId: z.string(),
  machine: z.string(),
  machineVersion: z.string(),
  status: actorStatus,
  state: z.string(),
  tags: z.array(z.string()),
  version: whole,
  parentId: z.string().nullable(),
  createdAt: instant,
  updatedAt: instant,
}).openapi("ActorLine");

/** One step of an actor. */
export const actorTransition = z.object({
  version: whole,
  from: z.string().nullable(),
  event: z.string(),
  to: z.string(),
  at: instant,
  attempt: z.null(),
  status: actorStatus,
  outcome: z.string(),
  reason: z.string().nullable(),
  cause: z.string().nullable(),
  worker: z.uuid().nullable(),
  machineVersion: z.string(),
  body: anyJson,
  contextPatch: z.array(z.object({ op: z.string(), path: z.string(), value: anyJson.optional() })),
  effects: anyJson,
}).openapi("ActorTransition");

/** A job of a `forEach` that gave up, or an item that was refused: then no job has this id. */
export const failedMember = z.object({
  jobId: z.uuid(),
  label: z.string().nullable(),
  error: anyJson,
  at: instant,
}).openapi("FailedMember");

/** The `{id}` of an actor: any text. @throws {MalformedError} */
export function readActorId(c: Context): string {
  const id = c.req.param("id") ?? "";
  if (id === "" || id.includes("\0") || !id.isWellFormed()) {
    throw new MalformedError("The id of an actor is text");
  }
  return id;
}

/** Which actor a call is about, and in which version. */
export function actorAimOf(call: Call<{ tenantId?: string | undefined }>): ActorAim {
  const expectVersion = readIfMatch(call.c);
  return { tenantId: tenantOf(call), expectVersion, conditional: expectVersion !== null };
}

/** Answers with an actor; its version is the ETag. */
export function respondWithActor(
  c: Context,
  actor: Actor,
  status: 200 | 201,
  headers: Record<string, string> = {},
): Response {
  return c.json(actor, status, { etag: `"${actor.version}"`, ...headers });
}
