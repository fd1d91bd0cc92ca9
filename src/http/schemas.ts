/** What the API gives and takes, as zod: checked with, and written into the OpenAPI document. */
import { z } from "@hono/zod-openapi";
import { GATE_KINDS } from "../core/gate.ts";
import { nameSchema } from "../core/forms.ts";
import { backoffSchema } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { ITEM_OUTCOMES, OPERATION_ACTIONS } from "../core/operation.ts";
import { JOB_EVENTS, JOB_STATES } from "../../machines/job.ts";

const instant = z.iso.datetime();
const state = z.enum(JOB_STATES);
const whole = z.int();

/** Any JSON. */
export const anyJson = z.unknown();

/** `lastError` of a job. */
const jobError = z.object({
  name: z.string(),
  message: z.string(),
  code: z.string().nullable(),
  retryable: z.boolean(),
  at: instant,
  fingerprint: z.string().optional(),
  traceparent: z.string().optional(),
}).openapi("JobError");

/** A job: every key is there, null when empty. */
export const jobResource = z.object({
  id: z.uuid(),
  tenantId: z.string(),
  type: z.string(),
  queue: z.string(),
  state,
  version: whole,
  attempt: whole,
  maxAttempts: whole,
  crashes: whole,
  priority: whole,
  payload: anyJson,
  output: anyJson,
  progress: anyJson,
  lastError: jobError.nullable(),
  runAt: instant,
  createdAt: instant,
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  leaseOwner: z.uuid().nullable(),
  leaseUntil: instant.nullable(),
  partitionKey: z.string().nullable(),
  orderingKey: z.string().nullable(),
  limitKey: z.string().nullable(),
  idempotencyKey: z.string().nullable(),
  tags: z.array(z.string()),
  metadata: anyJson,
  clonedFrom: z.uuid().nullable(),
  parentId: z.string().nullable(),
  cancelRequestedAt: instant.nullable(),
  maxCrashes: whole,
  timeoutMs: whole,
  backoff: backoffSchema.required().nullable(),
  accepts: z.array(z.enum(JOB_EVENTS)),
}).openapi("Job");

/** A job as it was stored; with `unique`, what became of it, and which job has the key now. */
export const createdResource = jobResource.extend({
  unique: z.object({
    outcome: z.enum(["inserted", "deduplicated", "replaced"]),
    survivor: z.uuid(),
  }).optional(),
}).openapi("CreatedJob");

/** One committed step of a job. */
export const transitionResource = z.object({
  version: whole,
  from: state.nullable(),
  event: z.enum(JOB_EVENTS),
  to: state,
  at: instant,
  attempt: whole,
  worker: z.uuid().nullable(),
  cause: z.string().nullable(),
}).openapi("Transition");

/** `…/explain` */
export const reasonsResource = z.object({
  reasons: z.array(z.object({
    code: z.string(),
    message: z.string(),
    until: instant.nullable(),
  })),
}).openapi("Reasons");

/** RFC 9457. */
export const problemResource = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: whole,
  detail: z.string().optional(),
  instance: z.string(),
  code: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
}).openapi("Problem");

/** A file without its bytes; `size` is in bytes. */
export const fileResource = z.object({
  fileId: z.uuid(),
  tenantId: z.string(),
  name: z.string(),
  mediaType: z.string(),
  size: whole,
  createdAt: instant,
}).openapi("File");

/** `{ items, nextCursor }` */
export function pageResource(item: z.ZodType) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

/** An operation over many jobs, and how far it has come. */
export const operationResource = z.object({
  id: z.uuid(),
  tenantId: z.string().nullable(),
  action: z.enum(OPERATION_ACTIONS),
  state: z.enum(["running", "resting", "stopping", "stopped", "done", "failed"]),
  filter: anyJson,
  ratePerSecond: whole.nullable(),
  runAt: instant.nullable(),
  matched: whole,
  done: whole,
  skipped: whole,
  requestedBy: z.string().nullable(),
  error: anyJson,
  createdAt: instant,
  finishedAt: instant.nullable(),
  accepts: z.array(z.enum(["STOP", "RESUME"])),
}).openapi("Operation");

/** One job of an operation. */
export const operationItemResource = z.object({
  tenantId: z.string(),
  jobId: z.uuid(),
  outcome: z.enum(["waiting", ...ITEM_OUTCOMES]),
  at: instant.nullable(),
}).openapi("OperationItem");

/** `…/limits`; null: none. */
export const limitsResource = z.object({
  ratePerMinute: whole.nullable(),
  burst: whole.nullable(),
  concurrency: whole.nullable(),
  weight: whole,
}).openapi("Limits");

/** The same of a tenant. */
export const tenantLimitsResource = limitsResource.extend({ backlog: whole.nullable() })
  .openapi("TenantLimits");

const gate = {
  kind: z.enum(GATE_KINDS),
  tenantId: z.string().nullable(),
  name: z.string(),
  state: z.enum(["open", "paused", "draining"]),
  since: instant.nullable(),
  limits: z.union([tenantLimitsResource, limitsResource]),
  slotsTaken: whole,
  refillAt: instant.nullable(),
} as const;

/** A tenant, queue or type, and what it may do now. */
export const gateResource = z.object(gate).openapi("Gate");

/** A queue, with its jobs per state. */
export const queueResource = z.object({
  ...gate,
  states: z.object(Object.fromEntries(JOB_STATES.map((name) => [name, whole]))),
}).openapi("Queue");

/** A whole number in a query. */
export function wholeText(min: number, max: number) {
  const wanted = `Must be a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,10}$/, wanted).transform(Number)
    .pipe(z.number().min(min, wanted).max(max, wanted)).openapi({
      type: "integer",
      minimum: min,
      maximum: max,
    });
}

/** `true` or `false` in a query. */
export const flagText = z.enum(["true", "false"]).transform((text) => text === "true")
  .openapi({ type: "boolean" });

/** `?state=retry,dead_letter` */
export const statesText = z.string().transform((text) => text.split(","))
  .pipe(z.array(z.enum(JOB_STATES, `Must be of ${JOB_STATES.join(", ")}, separated by commas`)))
  .openapi({ type: "string", example: "retry,dead_letter" });

const waitWanted = `Must be like "30s" or "500ms", and at most "${limits.waitMsMax / 1000}s"`;

/** `?wait=30s`: milliseconds. */
export const waitText = z.string().regex(/^\d{1,6}(ms|s)$/, waitWanted)
  .transform((text) => parseInt(text) * (text.endsWith("ms") ? 1 : 1000))
  .pipe(z.number().max(limits.waitMsMax, waitWanted))
  .openapi({ type: "string", example: "30s" });

/** Members of many queries. */
export const tenantQuery = { tenantId: nameSchema.optional() } as const;

/** Members of the query of a list. */
export const pageQuery = {
  cursor: z.string().max(limits.nameLengthMax).optional(),
  limit: wholeText(1, limits.pageMax).optional(),
} as const;
