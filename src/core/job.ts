/** The job: what clients send to make one, what is stored, and what they get back. */
import { z } from "zod";
import type { JobContext, JobEventType, JobState } from "../../machines/job.ts";
import type { Backoff } from "./backoff.ts";
import { InvalidInputError, type Issue, PayloadTooLargeError } from "./errors.ts";
import type { JobError } from "./failure.ts";
import { instantSchema, isName, nameSchema } from "./forms.ts";
import { digitsAdded, exceedsBytes, findJsonIssue, type Json } from "./json.ts";
import { limits } from "./limits.ts";
import { uniqueSchema } from "./unique.ts";

/** The tenant of everything that names none. */
export const DEFAULT_TENANT = "default";

/** The queue of a job that names none. */
export const DEFAULT_QUEUE = "default";

const delayMs = z.int().min(0).max(limits.delayMsMax);

/** `backoff` of a job: milliseconds, and the growth factor from 1 to 10. What is left out is its type's. */
export const backoffSchema = z.strictObject({
  baseMs: z.int().min(1).max(limits.delayMsMax),
  factor: z.number().min(1).max(10).optional(),
  capMs: z.int().min(1).max(limits.delayMsMax).optional(),
});

const priority = z.int().min(-32768).max(32767);
const maxAttempts = z.int().min(1).max(limits.attemptsMax);
const maxCrashes = z.int().min(1).max(limits.crashesMax);
const timeoutMs = z.int().min(1).max(limits.timeoutMsMax);
const tags = z.array(z.string().min(1).max(limits.tagLengthMax)).max(limits.tagsMax);
const metadata = z.record(z.string(), z.unknown());

/** What a job may be sent with, beside its type and payload. */
export const jobOptions = {
  tenantId: nameSchema.optional(),
  queue: nameSchema.default(DEFAULT_QUEUE),
  runAt: instantSchema.optional(),
  delayMs: delayMs.optional(),
  priority: priority.default(0),
  maxAttempts: maxAttempts.optional(),
  maxCrashes: maxCrashes.optional(),
  backoff: backoffSchema.optional(),
  timeoutMs: timeoutMs.optional(),
  idempotencyKey: z.string().min(1).max(limits.keyLengthMax).optional(),
  idempotency: z.enum(["return", "strict"]).default("return"),
  unique: uniqueSchema.optional(),
  partitionKey: nameSchema.optional(),
  /** Jobs of a tenant with the same one start one after the other, in the order in which they were stored. */
  orderingKey: nameSchema.optional(),
  /** Whether later jobs of its key wait for an operator when this one is a dead letter. */
  onDead: z.enum(["block", "skip"]).optional(),
  /** Jobs of a tenant with the same one share limits. */
  limitKey: nameSchema.optional(),
  tags: tags.optional(),
  metadata: metadata.optional(),
} as const;

const onDeadNeedsKey = { path: ["onDead"], message: "Needs an orderingKey beside it" };

function hasKeyForDead(job: { onDead?: unknown; orderingKey?: unknown }): boolean {
  return job.onDead === undefined || job.orderingKey !== undefined;
}

const oneTime = {
  path: ["delayMs"],
  message: "Give either runAt or delayMs, not both",
};

const uniqueAlone = {
  path: ["unique"],
  message: "Cannot be given beside orderingKey or limitKey",
};

/** A job that takes the place of another would have to take its place in an order as well. */
function isUniqueAlone(
  job: { unique?: unknown; orderingKey?: unknown; limitKey?: unknown },
): boolean {
  return job.unique === undefined ||
    (job.orderingKey === undefined && job.limitKey === undefined);
}

const oneKey = {
  path: ["unique"],
  message: "Give either unique or idempotencyKey, not both",
};

/** Body of `POST /jobs`: everything but the type is optional. */
export const newJobSchema = z.strictObject({
  type: nameSchema,
  payload: z.unknown().default({}),
  ...jobOptions,
}).refine((job) => job.runAt === undefined || job.delayMs === undefined, oneTime)
  .refine(hasKeyForDead, onDeadNeedsKey)
  .refine((job) => job.unique === undefined || job.idempotencyKey === undefined, oneKey)
  .refine(isUniqueAlone, uniqueAlone);

/** Body of `PATCH /jobs/{id}`: what a waiting job may be changed to; null: none any more. */
export const jobPatchSchema = z.strictObject({
  payload: z.unknown().optional(),
  queue: nameSchema.optional(),
  runAt: instantSchema.optional(),
  delayMs: delayMs.optional(),
  priority: priority.optional(),
  maxAttempts: maxAttempts.optional(),
  maxCrashes: maxCrashes.optional(),
  backoff: backoffSchema.nullable().optional(),
  timeoutMs: timeoutMs.optional(),
  partitionKey: nameSchema.nullable().optional(),
  tags: tags.nullable().optional(),
  metadata: metadata.nullable().optional(),
}).refine((patch) => patch.runAt === undefined || patch.delayMs === undefined, oneTime)
  .refine((patch) => Object.keys(patch).length > 0, "Give at least one field");

/** A checked change of a waiting job. */
export type JobPatch = z.output<typeof jobPatchSchema>;

/** What a client may send. */
export type NewJobInput = z.input<typeof newJobSchema>;

/** The same after defaults. */
export type NewJob = z.output<typeof newJobSchema>;

/** A job on its way into the store: every default resolved, every value serialised once. */
export interface JobInsert {
  readonly id: string;
  readonly tenantId: string;
  readonly type: string;
  readonly queue: string;
  readonly partitionKey: string | null;
  readonly orderingKey: string | null;
  readonly onDead: "block" | "skip";
  readonly limitKey: string | null;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly maxCrashes: number;
  readonly timeoutMs: number;
  readonly delayMs: number | null;
  readonly runAt: string | null;
  readonly payloadJson: string;
  /** Of the payload as it was sent, where `payloadJson` is not it. */
  readonly payloadHash?: string;
  readonly idempotencyKey: string | null;
  readonly backoff: Backoff | null;
  readonly tags: readonly string[] | null;
  readonly metadataJson: string | null;
  readonly clonedFrom: string | null;
}

/** A job as clients see it: all keys present, null when empty. */
export interface Job {
  readonly id: string;
  readonly tenantId: string;
  readonly type: string;
  readonly queue: string;
  readonly state: JobState;
  readonly version: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly crashes: number;
  readonly priority: number;
  readonly payload: Json;
  readonly output: Json;
  readonly progress: Json;
  readonly lastError: JobError | null;
  readonly runAt: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** The lease it runs under. */
  readonly leaseId: string | null;
  readonly leaseOwner: string | null;
  readonly leaseUntil: string | null;
  readonly partitionKey: string | null;
  readonly orderingKey: string | null;
  readonly limitKey: string | null;
  readonly idempotencyKey: string | null;
  readonly tags: readonly string[];
  readonly metadata: Json;
  readonly clonedFrom: string | null;
  /** The actor or batch that it works for, as clients call it. */
  readonly parentId: string | null;
  readonly cancelRequestedAt: string | null;
  readonly maxCrashes: number;
  readonly timeoutMs: number;
  readonly backoff: Backoff | null;
}

/** One committed step of a job. */
export interface Transition {
  readonly version: number;
  readonly from: JobState | null;
  readonly event: JobEventType;
  readonly to: JobState;
  readonly at: string;
  readonly attempt: number;
  readonly worker: string | null;
  readonly cause: string | null;
}

/** What the machine reads of a job. */
export function contextOf(
  job: Pick<Job, "attempt" | "maxAttempts" | "crashes" | "maxCrashes" | "cancelRequestedAt">,
): JobContext {
  return {
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    crashes: job.crashes,
    maxCrashes: job.maxCrashes,
    cancelRequested: job.cancelRequestedAt !== null,
  };
}

/**
 * Checks what a client sent as a job.
 *
 * @param place Where the job stands in the request: its index in `jobs`, a dotted path, or empty.
 * @throws {InvalidInputError} With one issue per wrong field.
 */
export function parseNewJob(input: unknown, place: string | number = ""): NewJob {
  const stored = findJsonIssue(input, "", limits.jsonDepthMax + 1);
  if (stored) {
    throw new InvalidInputError([{ ...stored, path: pathBelow(place, stored.path) }]);
  }
  const plain = plainJob(input);
  if (plain) return plain;
  const parsed = newJobSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(issuesOf(parsed.error, (rest) => pathBelow(place, rest)));
}

/** The path of a field, from where its job stands: made only for what is wrong. */
export function pathBelow(place: string | number, rest: string): string {
  const path = typeof place === "number" ? `jobs.${place}` : place;
  return path && rest ? `${path}.${rest}` : path || rest;
}

/** What the schema makes of a job that names nothing but its type. */
const PLAIN: NewJob = newJobSchema.parse({ type: "plain" });
const PLAIN_FIELDS: ReadonlySet<string> = new Set(["type", "payload", "queue", "tenantId"]);

/**
 * Most jobs are a payload and a few names: of those it gives what the schema would, for a tenth of its
 * time. Null: the schema has to look.
 *
 * @param input JSON.
 */
function plainJob(input: unknown): NewJob | null {
  for (const field in Object(input)) if (!PLAIN_FIELDS.has(field)) return null;
  const { type, payload = {}, queue = DEFAULT_QUEUE, tenantId } = Object(input);
  if (!isName(type) || !isName(queue)) return null;
  if (tenantId === undefined) return { ...PLAIN, type, payload, queue };
  return isName(tenantId) ? { ...PLAIN, type, payload, queue, tenantId } : null;
}

/**
 * Serialises a payload, metadata or output within its limit.
 *
 * @throws {PayloadTooLargeError} When its UTF-8 JSON, numbers written out, is larger than `bytesMax`.
 */
export function serialise(what: string, value: unknown, bytesMax: number): string {
  const text: string | undefined = JSON.stringify(value ?? null);
  if (text === undefined) throw new TypeError(`${what} is not JSON: it is a ${typeof value}`);
  if (exceedsBytes(text, bytesMax - digitsAdded(text))) {
    throw new PayloadTooLargeError(what, bytesMax);
  }
  return text;
}

/**
 * The issues of a zod error, one per field and a bounded number; an unknown key is named by its own
 * path.
 */
export function issuesOf(error: z.ZodError, at: (path: string) => string): Issue[] {
  const byPath = new Map<string, Issue>();
  for (const issue of error.issues) {
    for (const { path, message } of fieldsOf(issue)) {
      if (byPath.size === limits.issuesMax) return [...byPath.values()];
      if (!byPath.has(path)) byPath.set(path, { path: at(path), message });
    }
  }
  return [...byPath.values()];
}

function fieldsOf(issue: z.core.$ZodIssue): Issue[] {
  const base = issue.path.map(String);
  // Options say in words of their own which name is nearest.
  if (issue.code !== "unrecognized_keys" || issue.message.startsWith("Unknown option")) {
    const message = issue.code === "invalid_union" ? wantedBy(issue) : issue.message;
    return [{ path: base.join("."), message }];
  }
  return issue.keys.map((key) => ({ path: [...base, key].join("."), message: "Unknown field" }));
}

/** What each branch of a union wants, where nobody has said it better. */
function wantedBy({ message, errors }: z.core.$ZodIssueInvalidUnion): string {
  if (message !== "Invalid input") return message;
  const wanted = errors.flatMap(([first]) =>
    first?.path.length === 0 ? [first.message.replace(/^Invalid (input|option): /, "")] : []
  );
  return wanted.length === 0 ? message : `${message}: ${[...new Set(wanted)].join(", or ")}`;
}
