/** One change of one job: read it, decide, commit under the version it was decided on, or again. */
import {
  InvalidInputError,
  NotFoundError,
  TransitionRejectedError,
  VersionConflictError,
} from "../core/errors.ts";
import { contextOf, type Job } from "../core/job.ts";
import { acceptedEvents, type Decision, transition } from "../core/lifecycle.ts";
import { JOB_STATES, type JobEvent, type JobEventType, type JobState } from "../../machines/job.ts";
import type { JobStore, Refusal } from "../store/store.ts";

/** Events that a client may send; the others belong to workers and sweepers. */
export const operatorEvents: readonly JobEventType[] = [
  "SCHEDULE",
  "CANCEL",
  "REQUEUE",
  "RETRY_NOW",
];

/** Which job, at which version. */
export interface Aim {
  /** Only this tenant's job; null: of any tenant. */
  readonly tenantId: string | null;
  /** Only at this version (If-Match). */
  readonly ifVersion: number | null;
}

const DECIDE_TRIES = 5;

/**
 * Reads the job and lets `act` change it; when somebody was faster (`act` gives null), again.
 *
 * @throws {NotFoundError | VersionConflictError}
 */
export async function changeJob<T>(
  store: JobStore,
  id: string,
  { tenantId, ifVersion }: Aim,
  act: (job: Job) => Promise<T | null>,
): Promise<T> {
  let last = -1;
  for (let tries = 1; tries <= DECIDE_TRIES; tries++) {
    const job = await readJob(store, tenantId, id);
    if (ifVersion !== null && ifVersion !== job.version) {
      throw new VersionConflictError(ifVersion, job.version, true);
    }
    last = job.version;
    const done = await act(job);
    if (done !== null) return done;
  }
  const { version } = await readJob(store, tenantId, id);
  throw new VersionConflictError(last, version, false);
}

/** Whether a change came too late: the job has ended, is gone, or moves too fast. */
export function isOver(error: unknown): boolean {
  return error instanceof NotFoundError || error instanceof TransitionRejectedError ||
    error instanceof VersionConflictError;
}

/** One job. @throws {NotFoundError} */
export async function readJob(store: JobStore, tenantId: string | null, id: string): Promise<Job> {
  const job = await store.get(tenantId, id);
  if (!job) throw new NotFoundError("job", id);
  return job;
}

/** What the machine answers. @throws {TransitionRejectedError} */
export function decide(job: Job, event: JobEvent): Decision {
  const decision = transition({ state: job.state, context: contextOf(job) }, event);
  if (!decision.accepted) throw rejection(job, event.type);
  return decision;
}

/** Whether a decision is a wish first: a handler gets its AbortSignal, and its own outcome may win. */
export function isRequest(job: Pick<Job, "state">, { event }: Pick<Decision, "event">): boolean {
  return event === "CANCEL" && job.state === "running";
}

/** The refusal of something that the state of a job does not allow. */
export function rejection(
  job: Pick<Job, "state" | "version">,
  what: string,
  detail?: string,
): TransitionRejectedError {
  return new TransitionRejectedError(job.state, job.version, what, accepts(job.state), detail);
}

/** True when a change was committed; false when somebody was faster. @throws {InvalidInputError} */
export function isCommitted(refusal: Refusal | undefined): boolean {
  if (refusal?.reason === "refused") {
    throw new InvalidInputError([{ path: "", message: "The database does not take this" }]);
  }
  return refusal === undefined;
}

/** Event types that a client may send in a state. */
export function accepts(state: JobState): readonly JobEventType[] {
  return acceptable.get(state) ?? [];
}

/** "Once more", in this state: an ended job from the beginning, a waiting one at once. */
export function retryEventOf(state: JobState): "REQUEUE" | "RETRY_NOW" {
  return accepts(state).includes("REQUEUE") ? "REQUEUE" : "RETRY_NOW";
}

const acceptable: ReadonlyMap<JobState, readonly JobEventType[]> = new Map(
  JOB_STATES.map((state) => [
    state,
    acceptedEvents(state).filter((event) => operatorEvents.includes(event)),
  ]),
);
