/** The answer to a change: the job as the change left it, whatever has happened to it since. */
import type { Job, Transition } from "../core/job.ts";
import { type Decision, isTerminal } from "../core/lifecycle.ts";
import type { JobStore } from "../store/store.ts";
import { isRequest, readJob } from "./deciding.ts";
import { cancelledError } from "./endings.ts";
import type { Foreseen } from "./job_answers.ts";

/**
 * The job as a committed decision left it.
 *
 * Between the commit and this read a free worker may have claimed it, and even ended it: a requeued
 * job would be answered as running. Its own step in the history tells when it was committed, and so
 * what the row held then.
 *
 * @param before The job that was decided on.
 * @throws {NotFoundError} It has been deleted since.
 */
export async function jobAfter(store: JobStore, before: Job, decision: Decision): Promise<Job> {
  const now = await readJob(store, before.tenantId, before.id);
  const version = before.version + 1;
  if (now.version === version) return now;
  const [step] = await store.history(now, before.version, 1);
  return step?.version === version ? rewound(now, before, decision, step) : now;
}

/** What a decision would be answered with, were it carried out at this instant. */
export function answerForeseen(job: Job, decision: Decision, at: Date): Foreseen {
  if (!isRequest(job, decision)) {
    return { job: jobForeseen(job, decision, at), isPending: false, due: decision.due };
  }
  const cancelRequestedAt = job.cancelRequestedAt ?? at.toISOString();
  return { job: { ...job, cancelRequestedAt }, isPending: true, due: null };
}

/** The job as a decision would leave it, were it committed at this instant. */
export function jobForeseen(job: Job, decision: Decision, at: Date): Job {
  const step = { version: job.version + 1, at: at.toISOString() };
  const lastError = decision.to === "cancelled" ? cancelledError(at) : job.lastError;
  return { ...rewound(job, job, decision, step), lastError };
}

/** What transitions change, put back; what only edits change is as it is now. */
function rewound(
  now: Job,
  before: Job,
  { event, to, context, due }: Decision,
  step: Pick<Transition, "version" | "at">,
): Job {
  const isOver = isTerminal(to);
  return {
    ...now,
    state: to,
    version: step.version,
    attempt: context.attempt,
    crashes: context.crashes,
    runAt: due === null ? before.runAt : dueAt(due, step.at),
    startedAt: startOf(event, before, step.at),
    finishedAt: isOver ? step.at : null,
    output: null,
    progress: event === "REQUEUE" ? null : before.progress,
    lastError: isOver ? now.lastError : before.lastError,
    leaseId: null,
    leaseOwner: null,
    leaseUntil: null,
    cancelRequestedAt: null,
  };
}

function startOf(event: Decision["event"], before: Job, at: string): string | null {
  if (event === "REQUEUE") return null;
  return event === "CLAIM" ? at : before.startedAt;
}

/** As the store computes it: never before the commit. */
function dueAt(due: NonNullable<Decision["due"]>, at: string): string {
  const committedMs = Date.parse(at);
  const dueMs = "runAt" in due ? Date.parse(due.runAt) : committedMs + due.delayMs;
  return new Date(Math.max(committedMs, dueMs)).toISOString();
}
