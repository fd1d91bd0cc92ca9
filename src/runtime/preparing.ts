/** Jobs on their way into the store: checked, every default resolved, every value serialised once. */
import { isRecord } from "../core/actor/envelope.ts";
import type { Backoff } from "../core/backoff.ts";
import {
  InvalidInputError,
  PayloadTooLargeError,
  PerduraError,
  UnknownTypeError,
} from "../core/errors.ts";
import { newJobId } from "../core/id.ts";
import {
  DEFAULT_TENANT,
  type Job,
  type JobInsert,
  type NewJob,
  parseNewJob,
  pathBelow,
  serialise,
} from "../core/job.ts";
import { laneKey } from "../core/lane.ts";
import { DEFAULT_TIMEOUT_MS, limits } from "../core/limits.ts";
import { demandOwnName, refusedOptions } from "../core/refused_options.ts";
import { type UniqueRule, withoutUniqueKey, withUniqueKey } from "../core/unique.ts";
import type { Lane, Placed } from "../store/store.ts";
import { growthOf, type NamedGrowth } from "./growth.ts";
import { type Handler, type Handlers, unreadIssues } from "./handlers.ts";

/** A checked job on its way into the store. */
export interface Prepared {
  readonly row: JobInsert;
  readonly isStrict: boolean;
  readonly unique: UniqueRule | null;
}

/** Takes a row on its way in, and whether it comes by itself; gives what is stored. */
export type Trace = (row: JobInsert, isAlone: boolean) => JobInsert;

/** Limits of jobs that name none. */
export interface CountDefaults {
  readonly maxAttempts: number;
  readonly maxCrashes: number;
}

/** The same, and how the delay between their attempts grows. */
export interface RetryDefaults extends CountDefaults {
  readonly backoff: Backoff;
}

/**
 * Checks a job and resolves its defaults. Nothing is stored.
 *
 * @param place Where the job stands in the request: its index in `jobs`, a dotted path, or empty.
 * @throws {InvalidInputError | UnknownTypeError | PayloadTooLargeError}
 */
export function prepareJob(
  host: {
    readonly handlers: Handlers;
    readonly defaults: RetryDefaults;
    readonly trace?: Trace | undefined;
  },
  input: unknown,
  place: string | number,
): Prepared {
  const job = parseNewJob(input, place);
  const { defaults } = host;
  const handler = host.handlers.get(job.type) ??
    handlerOf(host.handlers, job.type, pathBelow(place, "type"));
  const issues = handler.check(job.payload, "payload");
  if (issues.length > 0) {
    throw new InvalidInputError(issues.map(({ path, message }) => {
      return { path: pathBelow(place, path), message };
    }));
  }
  demandOwnName(job.metadata, pathBelow(place, "metadata"));
  const metadata = job.metadata || job.unique
    ? withUniqueKey(job.metadata, job.unique, pathBelow(place, "metadata"))
    : undefined;
  const row = insertAt(place, job, metadata, defaultsFor(job, handler, defaults));
  const isStrict = job.idempotency === "strict";
  const traced = host.trace ? host.trace(row, place === "") : row;
  return { row: traced, isStrict, unique: job.unique ?? null };
}

/**
 * A job that was refused as it would have been stored, but for its payload; one whose options cannot be
 * read has none, and does not run.
 */
export function refusedJob(
  { handlers, defaults }: { readonly handlers: Handlers; readonly defaults: RetryDefaults },
  type: string,
  options: unknown,
): JobInsert {
  const rowOf = (job: NewJob) =>
    toInsert(job, job.metadata, defaultsFor(job, handlers.get(type), defaults));
  try {
    const job = parseNewJob({ ...Object(options), type, payload: {} });
    demandOwnName(job.metadata, "metadata");
    withUniqueKey(job.metadata, undefined, "metadata");
    if (!job.unique && isRecord(options)) return rowOf(job);
  } catch (error) {
    if (!(error instanceof PerduraError)) throw error;
  }
  const plain = rowOf(parseNewJob({ type: "unread" }));
  return { ...plain, type, metadataJson: refusedOptions(options) };
}

function defaultsFor(job: NewJob, handler: Handler | undefined, defaults: RetryDefaults) {
  return {
    maxAttempts: handler?.retry.maxAttempts ?? defaults.maxAttempts,
    maxCrashes: handler?.retry.maxCrashes ?? defaults.maxCrashes,
    timeoutMs: handler?.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    backoff: job.backoff ? backoffFor(job.backoff, handler, defaults) : null,
  };
}

/** The growth that a job names, whole: what it leaves out is that of its type, or of the settings. */
export function backoffFor(
  named: NamedGrowth,
  handler: Pick<Handler, "retry"> | undefined,
  { backoff }: Pick<RetryDefaults, "backoff">,
): Backoff {
  return growthOf(named, growthOf(handler?.retry ?? {}, backoff));
}

/** The handler of a type. @throws {UnknownTypeError} */
export function handlerOf(handlers: Handlers, type: string, path: string): Handler {
  const handler = handlers.get(type);
  if (!handler) throw UnknownTypeError.of(type, path, [...handlers.keys()]);
  return handler;
}

/** @throws {InvalidInputError} */
export function checkPayload(handler: Handler, payload: unknown, path: string): void {
  const issues = handler.check(payload, path);
  if (issues.length > 0) throw new InvalidInputError(issues);
}

/**
 * The same work once more, as a new job without a key.
 *
 * @throws {InvalidInputError} Its payload cannot be read here: a copy of the ciphertext would open nowhere.
 */
export function cloneOf(job: Job): JobInsert {
  const unread = unreadIssues(job.payload, "payload");
  if (unread.length > 0) throw new InvalidInputError(unread);
  const metadata = withoutUniqueKey(job.metadata);
  return {
    id: newJobId(job.tenantId),
    tenantId: job.tenantId,
    type: job.type,
    queue: job.queue,
    partitionKey: job.partitionKey,
    orderingKey: job.orderingKey,
    onDead: "block",
    limitKey: job.limitKey,
    priority: job.priority,
    maxAttempts: job.maxAttempts,
    maxCrashes: job.maxCrashes,
    timeoutMs: job.timeoutMs,
    delayMs: null,
    runAt: null,
    payloadJson: JSON.stringify(job.payload),
    idempotencyKey: null,
    backoff: job.backoff,
    tags: job.tags.length === 0 ? null : job.tags,
    metadataJson: metadata === null ? null : JSON.stringify(metadata),
    clonedFrom: job.id,
  };
}

/** A job that was just stored, as a later read would give it. */
export function jobOf(row: JobInsert, placed: Placed): Job {
  return {
    id: row.id,
    tenantId: row.tenantId,
    type: row.type,
    queue: row.queue,
    state: placed.state,
    version: placed.version,
    attempt: 0,
    maxAttempts: row.maxAttempts,
    crashes: 0,
    priority: row.priority,
    payload: JSON.parse(row.payloadJson),
    output: null,
    progress: null,
    lastError: null,
    runAt: placed.runAt,
    createdAt: placed.createdAt,
    startedAt: null,
    finishedAt: null,
    leaseId: null,
    leaseOwner: null,
    leaseUntil: null,
    partitionKey: row.partitionKey,
    orderingKey: row.orderingKey,
    limitKey: row.limitKey,
    idempotencyKey: row.idempotencyKey,
    tags: row.tags ?? [],
    metadata: row.metadataJson === null ? null : JSON.parse(row.metadataJson),
    clonedFrom: row.clonedFrom,
    parentId: null,
    cancelRequestedAt: null,
    maxCrashes: row.maxCrashes,
    timeoutMs: row.timeoutMs,
    backoff: row.backoff,
  };
}

/** The lane of a job, at its priority. */
export function laneOf(
  job: Pick<
    JobInsert,
    "tenantId" | "queue" | "type" | "partitionKey" | "limitKey" | "orderingKey" | "priority"
  >,
): Lane {
  const { tenantId, queue, type, partitionKey, limitKey, priority } = job;
  const isOrdered = job.orderingKey !== null;
  return { tenantId, queue, type, partitionKey, limitKey, isOrdered, priority, lane: laneKey(job) };
}

/** The lanes of jobs that are due now, each once. */
export function lanesOf(rows: readonly JobInsert[]): Lane[] {
  const byKey = new Map<string, Lane>();
  let last: JobInsert | null = null;
  for (const row of rows) {
    if (row.runAt !== null || (row.delayMs ?? 0) > 0) continue;
    // Neighbours mostly share it.
    if (last && isSameLane(last, row)) continue;
    last = row;
    const lane = laneOf(row);
    byKey.set(`${lane.lane} ${lane.priority} ${lane.tenantId}`, lane);
  }
  return [...byKey.values()];
}

function isSameLane(a: JobInsert, b: JobInsert): boolean {
  return a.tenantId === b.tenantId && a.queue === b.queue && a.type === b.type &&
    a.partitionKey === b.partitionKey && a.limitKey === b.limitKey &&
    (a.orderingKey === null) === (b.orderingKey === null) && a.priority === b.priority;
}

/** A path is made for what is refused alone. @throws {PayloadTooLargeError} */
function insertAt(place: string | number, ...given: Parameters<typeof toInsert>): JobInsert {
  try {
    return toInsert(...given);
  } catch (error) {
    if (place === "" || !(error instanceof PayloadTooLargeError)) throw error;
    throw new PayloadTooLargeError(`${error.what} of ${pathBelow(place, "")}`, error.limit);
  }
}

function toInsert(
  job: NewJob,
  metadata: NewJob["metadata"],
  defaults: Pick<JobInsert, "maxAttempts" | "maxCrashes" | "timeoutMs" | "backoff">,
): JobInsert {
  const { tenantId = DEFAULT_TENANT } = job;
  return {
    id: newJobId(tenantId),
    tenantId,
    type: job.type,
    queue: job.queue,
    partitionKey: job.partitionKey ?? null,
    orderingKey: job.orderingKey ?? null,
    onDead: job.onDead ?? "block",
    limitKey: job.limitKey ?? null,
    priority: job.priority,
    maxAttempts: job.maxAttempts ?? defaults.maxAttempts,
    maxCrashes: job.maxCrashes ?? defaults.maxCrashes,
    timeoutMs: job.timeoutMs ?? defaults.timeoutMs,
    delayMs: job.delayMs ?? null,
    runAt: job.runAt ?? null,
    payloadJson: serialise("Payload", job.payload, limits.payloadBytesMax),
    idempotencyKey: job.idempotencyKey ?? null,
    backoff: defaults.backoff,
    tags: job.tags ?? null,
    metadataJson: metadata === undefined
      ? null
      : serialise("Metadata", metadata, limits.metadataBytesMax),
    clonedFrom: null,
  };
}
