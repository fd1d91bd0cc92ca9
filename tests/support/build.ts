/** Builders with defaults, and the few steps that most store tests begin with. */
import type { JobInsert } from "../../src/core/job.ts";
import { newId, newJobId } from "../../src/core/id.ts";
import { laneKey } from "../../src/core/lane.ts";
import { transition } from "../../src/core/lifecycle.ts";
import type { JobEvent, JobState } from "../../machines/job.ts";
import type { Change, ClaimedJob, Lane, LaneRequest, Store } from "../../src/store/store.ts";
import { HEAD } from "../../src/runtime/lane_keys.ts";

/** A job to insert: `debug.noop` in the default queue unless said otherwise. */
export function buildJob(overrides: Partial<JobInsert> = {}): JobInsert {
  return {
    id: newJobId(overrides.tenantId ?? "default"),
    tenantId: "default",
    type: "debug.noop",
    queue: "default",
    partitionKey: null,
    orderingKey: null,
    onDead: "block",
    limitKey: null,
    priority: 0,
    maxAttempts: 3,
    maxCrashes: 3,
    timeoutMs: 900_000,
    delayMs: null,
    runAt: null,
    payloadJson: '{"n":1}',
    idempotencyKey: null,
    backoff: null,
    tags: null,
    metadataJson: null,
    clonedFrom: null,
    ...overrides,
  };
}

/** The lane that a job goes to. */
export function laneOf(job: JobInsert): Lane {
  const { tenantId, queue, type, partitionKey, limitKey, priority } = job;
  const isOrdered = job.orderingKey !== null;
  return { tenantId, queue, type, partitionKey, limitKey, isOrdered, priority, lane: laneKey(job) };
}

/** Asks a lane from its head. */
export function fromHead(lane: Lane, quantum: number): LaneRequest {
  return { quantum, levels: [{ lane, from: HEAD }] };
}

/** A claim over all lanes there are. */
export async function claimAll(
  store: Store,
  limit: number,
  options: { worker?: string; leaseMs?: number; alone?: boolean } = {},
): Promise<ClaimedJob[]> {
  const lanes = (await store.lanes()).map((lane) => fromHead(lane, limit));
  return await store.claim({
    leaseId: newId(),
    worker: options.worker ?? newId(),
    leaseMs: options.leaseMs ?? 30_000,
    limit,
    lanes,
    alone: options.alone ?? false,
  });
}

/** What the machine decides about a claimed job, ready to be committed. */
export function changeFor(
  job: ClaimedJob,
  event: JobEvent,
  overrides: Partial<Change> = {},
  state: JobState = "running",
): Change {
  const context = {
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    crashes: job.crashes,
    maxCrashes: job.maxCrashes,
    cancelRequested: false,
  };
  const decision = transition({ state, context }, event);
  if (!decision.accepted) throw new Error(`${state} does not accept ${event.type}`);
  return {
    tenantId: job.tenantId,
    id: job.id,
    version: job.version,
    attempt: job.attempt,
    leaseId: job.leaseId,
    holdsSlots: job.holdsSlots,
    decision,
    output: event.type === "SUCCEED" ? "null" : null,
    error: null,
    cause: null,
    cancelKnown: null,
    ctid: job.ctid,
    ...overrides,
  };
}

/** Inserts jobs and gives them back claimed. */
export async function claimed(store: Store, ...jobs: JobInsert[]): Promise<ClaimedJob[]> {
  await store.insert(jobs);
  return await claimAll(store, jobs.length);
}

/** Who runs a test that is to fail need not wait for long. */
const PATIENCE_MS = Number(Deno.env.get("TEST_PATIENCE_MS") ?? 180_000);

const LOOK_MS = 20;
const LOOK_MS_MAX = 100;

/**
 * Polls until `check` gives something, at most `timeoutMs`: for what other processes do. Whoever has waited
 * for long looks less often: each look takes time from those who are waited for.
 */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | null | undefined | false>,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  const startedAt = performance.now();
  while (true) {
    const found = await check();
    if (found) return found;
    const waitedMs = performance.now() - startedAt;
    if (waitedMs > timeoutMs) throw new Error(`Did not happen in ${timeoutMs} ms: ${what}`);
    const pauseMs = Math.min(Math.max(LOOK_MS, waitedMs / 50), LOOK_MS_MAX);
    await new Promise((done) => setTimeout(done, pauseMs));
  }
}
