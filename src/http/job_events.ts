/** The routes that send events to one job: an operator's, and those of a worker in any language. */
import { z } from "@hono/zod-openapi";
import { ForbiddenError, PayloadTooLargeError, TransitionRejectedError } from "../core/errors.ts";
import { describeError } from "../core/failure.ts";
import { instantSchema } from "../core/forms.ts";
import { type Job, serialise } from "../core/job.ts";
import { acceptedEvents } from "../core/lifecycle.ts";
import { limits } from "../core/limits.ts";
import { JOB_EVENTS, type JobEvent, type JobEventType } from "../../machines/job.ts";
import type { Ending } from "../runtime/endings.ts";
import {
  accepts,
  type Foreseen,
  type Jobs,
  operatorEvents,
  retryEventOf,
} from "../runtime/jobs.ts";
import { demand } from "./access.ts";
import { aimOf } from "./jobs.ts";
import { check, readId, readIfMatch, readOptionalJson, readStorableJson } from "./request.ts";
import {
  JOB_BYTES_MAX,
  respondWithJob,
  respondWithWholeJob,
  SMALL_BYTES_MAX,
  tenantOf,
  toResource,
} from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import { flagText, jobResource, tenantQuery } from "./schemas.ts";

const LEASE_MS = 30_000;

const delayMs = z.int().min(0).max(limits.delayMsMax);
const leaseMs = z.int().min(1_000).max(3_600_000).default(LEASE_MS);
const reason = z.string().min(1).max(500).optional();

const scheduleSchema = z.strictObject({
  type: z.literal("SCHEDULE"),
  runAt: instantSchema.optional(),
  delayMs: delayMs.optional(),
}).refine((event) => (event.runAt === undefined) !== (event.delayMs === undefined), {
  path: ["runAt"],
  message: "Give either runAt or delayMs",
});
const cancelSchema = z.strictObject({ type: z.literal("CANCEL"), reason });
const bareSchema = z.strictObject({ type: z.enum(["REQUEUE", "RETRY_NOW"]) });
const claimSchema = z.strictObject({
  type: z.literal("CLAIM"),
  worker: z.uuid().optional(),
  leaseMs,
});
const succeedSchema = z.strictObject({
  type: z.literal("SUCCEED"),
  output: z.unknown().optional(),
});
const failSchema = z.strictObject({
  type: z.literal("FAIL"),
  error: z.union([
    z.string(),
    z.strictObject({
      name: z.string().optional(),
      message: z.string().optional(),
      code: z.string().optional(),
    }),
  ], { error: "Give a text, or { name, message, code }" }),
  retryable: z.boolean().default(true),
});
const snoozeSchema = z.strictObject({ type: z.literal("SNOOZE"), delayMs });
const interruptedSchema = z.strictObject({ type: z.literal("INTERRUPTED") });

/** Any event of a job, as the document shows it. */
const eventSchema = z.union([
  scheduleSchema,
  cancelSchema,
  bareSchema,
  claimSchema,
  succeedSchema,
  failSchema,
  snoozeSchema,
  interruptedSchema,
]);

/** Events of sweepers and of creation: nobody may send them. */
const nobodys: readonly JobEventType[] = ["ENQUEUE", "LEASE_EXPIRED"];

const eventQuery = z.object({ ...tenantQuery, dryRun: flagText.optional() });
const ofTenant = z.object(tenantQuery);
const sent = {
  200: ["The job after the event; with `dryRun`, as it would be", jobResource],
  202: ["A running handler has been asked to stop, or with `dryRun` would be", jobResource],
} as const;
const refusals = [
  "forbidden",
  "not_found",
  "transition_rejected",
  "payload_too_large",
  "unsupported_media_type",
  "invalid_input",
] as const;

/** `/jobs/{id}/events` and `/renew`. */
export function eventRoutes(jobs: Jobs): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/jobs/{id}/events",
      summary: "Send an event; those of workers need If-Match, the version of their claim",
      tag: "events",
      scope: ["operate", "worker"],
      audit: "job.event",
      query: eventQuery,
      ifMatch: true,
      body: { "application/json": { schema: eventSchema } },
      answers: sent,
      codes: [...refusals, "rate_limited"],
      handle: (call) => sendEvent(call, jobs),
    }),
    defineRoute({
      method: "post",
      path: "/jobs/{id}/renew",
      summary: "Renew the lease of a running job; If-Match is the version of the claim",
      tag: "events",
      scope: "worker",
      query: ofTenant,
      ifMatch: true,
      body: { "application/json": { schema: z.strictObject({ leaseMs }) } },
      bodyIsOptional: true,
      answers: {
        200: [
          "The lease",
          z.object({
            leaseUntil: z.iso.datetime().nullable(),
            cancelRequestedAt: z.iso.datetime().nullable(),
          }),
        ],
      },
      codes: [...refusals, "lease_lost"],
      handle: async (call) => {
        const [id, aim] = [readId(call.c), aimOf(call)];
        const given = check(
          z.strictObject({ leaseMs }),
          await readOptionalJson(call.c, SMALL_BYTES_MAX),
        );
        const job = await jobs.get(aim.tenantId, id);
        if (job.state !== "running") refuse(job, "RENEW");
        demandWorker(call, "RENEW");
        return call.c.json(await jobs.renew(id, aim, given.leaseMs));
      },
    }),
  ];
}

/** `/cancel`, `/retry`, `/rerun`: events under their everyday names. */
export function verbRoutes(jobs: Jobs): Route[] {
  const shared = { method: "post", tag: "events", scope: "operate", query: ofTenant } as const;
  const none = z.strictObject({});
  return [
    defineRoute({
      ...shared,
      path: "/jobs/{id}/cancel",
      audit: "job.cancel",
      summary: "CANCEL: a waiting job at once, a running one when its handler has stopped",
      ifMatch: true,
      body: { "application/json": { schema: z.strictObject({ reason }) } },
      bodyIsOptional: true,
      answers: sent,
      codes: refusals,
      handle: async (call) => {
        const body = await readOptionalJson(call.c, SMALL_BYTES_MAX);
        const given = check(z.strictObject({ reason }), body);
        return await send(call, jobs, { type: "CANCEL" }, given.reason ?? "api");
      },
    }),
    defineRoute({
      ...shared,
      path: "/jobs/{id}/retry",
      audit: "job.retry",
      summary: "RETRY_NOW of a waiting job, REQUEUE of an ended one",
      ifMatch: true,
      body: { "application/json": { schema: none } },
      bodyIsOptional: true,
      answers: { 200: sent[200] },
      codes: [...refusals, "idempotency_conflict"],
      handle: async (call) => {
        check(none, await readOptionalJson(call.c, SMALL_BYTES_MAX));
        const { state } = await jobs.get(tenantOf(call), readId(call.c));
        return await send(call, jobs, { type: retryEventOf(state) }, "api");
      },
    }),
    defineRoute({
      ...shared,
      path: "/jobs/{id}/rerun",
      audit: "job.rerun",
      summary: "The same work once more, as a new job",
      body: { "application/json": { schema: none } },
      bodyIsOptional: true,
      answers: { 201: ["The new job, its `clonedFrom` the old one", jobResource] },
      codes: ["not_found", "unsupported_media_type", "invalid_input", "rate_limited"],
      handle: async (call) => {
        check(none, await readOptionalJson(call.c, SMALL_BYTES_MAX));
        const job = await jobs.rerun(tenantOf(call), readId(call.c));
        call.note({ tenantId: job.tenantId, detail: { jobId: job.id } });
        return respondWithJob(call.c, jobs, job, 201, {
          location: `${call.prefix}/jobs/${job.id}`,
        });
      },
    }),
  ];
}

/** Sends an operator's event and answers with the job. */
export async function send(
  call: Call<{ tenantId?: string | undefined }>,
  jobs: Jobs,
  event: JobEvent,
  cause: string,
): Promise<Response> {
  const { job, isPending } = await jobs.send(readId(call.c), event, { ...aimOf(call), cause });
  const version = isPending ? job.version : job.version - 1;
  const reason = cause === "api" ? {} : { reason: cause };
  call.note({ action: actionOf(event), tenantId: job.tenantId, version, ...reason });
  return respondWithJob(call.c, jobs, job, isPending ? 202 : 200);
}

/** `job.cancel` */
function actionOf({ type }: JobEvent): string {
  return `job.${type.toLowerCase()}`;
}

async function sendEvent(
  call: Call<z.output<typeof eventQuery>>,
  jobs: Jobs,
): Promise<Response> {
  const [id, aim] = [readId(call.c), aimOf(call)];
  const body = await readStorableJson(call.c, JOB_BYTES_MAX);
  const { type } = check(z.looseObject({ type: z.enum(JOB_EVENTS) }), body);
  if (operatorEvents.includes(type)) {
    if (JSON.stringify(body).length > SMALL_BYTES_MAX) {
      throw new PayloadTooLargeError("Body", SMALL_BYTES_MAX);
    }
    demand(call.permission, "operate");
    const { event, cause } = operatorEvent(type, body);
    if (!call.query.dryRun) return await send(call, jobs, event, cause);
    call.note(null);
    return respondWithForeseen(call, jobs, await jobs.foresee(id, event, aim));
  }
  // A worker's part is no operator's.
  call.note(null);
  // The state comes before the scope: what nobody could do now is a 409 for everybody.
  const job = await jobs.get(aim.tenantId, id);
  if (!acceptedEvents(job.state).includes(type)) refuse(job, type);
  if (nobodys.includes(type)) throw new ForbiddenError(`${type} belongs to sweepers`);
  demandWorker(call, type);
  if (type === "CLAIM") {
    const { worker = null, leaseMs } = check(claimSchema, body);
    if (call.query.dryRun) {
      return respondWithForeseen(call, jobs, await jobs.foresee(id, { type }, aim));
    }
    return respondWithWholeJob(call.c, await jobs.claim(id, aim, { worker, leaseMs }));
  }
  const ending = endingOf(type, body, new Date(jobs.host.clock.now()));
  if (call.query.dryRun) {
    return respondWithForeseen(call, jobs, await jobs.foreseeEnd(id, aim, ending));
  }
  return respondWithWholeJob(call.c, await jobs.end(id, aim, ending));
}

function operatorEvent(type: JobEventType, body: unknown): { event: JobEvent; cause: string } {
  if (type === "SCHEDULE") {
    const { runAt, delayMs } = check(scheduleSchema, body);
    const when = runAt === undefined ? { delayMs: delayMs ?? 0 } : { runAt };
    return { event: { type, when }, cause: "api" };
  }
  if (type === "CANCEL") {
    const { reason } = check(cancelSchema, body);
    return { event: { type }, cause: reason ?? "api" };
  }
  return { event: check(bareSchema, body), cause: "api" };
}

function endingOf(type: JobEventType, body: unknown, at: Date): Ending {
  if (type === "SUCCEED") {
    const { output } = check(succeedSchema, body);
    return { kind: "succeeded", output: serialise("Output", output, limits.payloadBytesMax) };
  }
  if (type === "FAIL") {
    const { error, retryable } = check(failSchema, body);
    const described = { ...describeError(error, at), retryable };
    return { kind: "failed", error: described, retryable, delayMs: null };
  }
  if (type === "SNOOZE") return { kind: "snoozed", delayMs: check(snoozeSchema, body).delayMs };
  check(interruptedSchema, body);
  return { kind: "interrupted" };
}

/** The fence is the version: whoever does not name it is nobody's worker. */
function demandWorker({ c, permission }: Call<unknown>, what: string): void {
  demand(permission, "worker");
  if (readIfMatch(c) === null) {
    throw new ForbiddenError(`${what} needs If-Match with the version of the job`);
  }
}

function respondWithForeseen({ c }: Call<unknown>, jobs: Jobs, foreseen: Foreseen): Response {
  const { job, due, isPending } = foreseen;
  return c.json({ ...toResource(job, jobs), due }, isPending ? 202 : 200);
}

function refuse(job: Pick<Job, "state" | "version">, what: string): never {
  throw new TransitionRejectedError(job.state, job.version, what, accepts(job.state));
}
