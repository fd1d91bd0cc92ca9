/** How an attempt ended, as an event for the machine, and its decision as a change to commit. */
import { type Backoff, backoffDelayMs } from "../core/backoff.ts";
import { PermanentError } from "../core/errors.ts";
import { describeError, type JobError } from "../core/failure.ts";
import { findJsonIssue } from "../core/json.ts";
import { serialise } from "../core/job.ts";
import { unitHash } from "../core/hash.ts";
import { transition } from "../core/lifecycle.ts";
import { limits } from "../core/limits.ts";
import { GiveUp, isOutcome, RetryAfter, Snooze } from "../core/outcome.ts";
import type { Redactor } from "../core/redaction.ts";
import type { JobEvent, JobEventType } from "../../machines/job.ts";
import type { Change, ClaimedJob } from "../store/store.ts";
import type { RetryPolicy } from "./handlers.ts";

/** How one attempt ended. */
export type Ending =
  | { readonly kind: "succeeded"; readonly output: string }
  | {
    readonly kind: "failed";
    readonly error: JobError;
    readonly retryable: boolean;
    /** Instead of the backoff. */
    readonly delayMs: number | null;
  }
  | {
    readonly kind: "snoozed";
    readonly delayMs: number;
    /** What it waits for, where the handler has not asked to be run later: many may wait for the same. */
    readonly cause?: string;
  }
  | {
    readonly kind: "interrupted";
    /** Left out: a worker outside has handed it back, and does not say why. */
    readonly cause?: Interruption;
  }
  | { readonly kind: "cancelled" };

/** Why a worker hands a job back by itself; its history has it as the cause. */
export type Interruption =
  /** The worker stops. */
  | "shutdown"
  /** The lease is over, or somebody else has it. */
  | "lease_lost"
  /** The database did not answer. */
  | "unavailable"
  /** It has waited here for a handler to become free, too long or in the way of a job that has crashed. */
  | "not_started"
  /** Nobody here handles its type. */
  | "no_handler";

/** Why a running handler is asked to stop. */
export type StopReason = "timeout" | "cancel" | "shutdown" | "lease_lost";

/** What `context.signal` gives as its reason. */
export function stoppedBy(reason: StopReason): DOMException {
  return new DOMException(`Stopped: ${reason}`, "AbortError");
}

/** The ending of an attempt that goes back as it came. */
export function interrupted(cause: Interruption): Ending {
  return { kind: "interrupted", cause };
}

/** What the job's own `lastError` says after a cancel. */
export function cancelledError(at: Date): JobError {
  return {
    name: "Cancelled",
    message: "Cancelled by user",
    code: "cancelled",
    retryable: false,
    at: at.toISOString(),
  };
}

const SUCCEEDED_WITHOUT_OUTPUT: Ending = { kind: "succeeded", output: "null" };

/**
 * Reads what a handler returned. An output that cannot be stored is a failure for good.
 *
 * @param now Asked only for an error, which has a time.
 */
export function endingOfResult(result: unknown, now: () => Date): Ending {
  if (result === undefined || result === null) return SUCCEEDED_WITHOUT_OUTPUT;
  if (result instanceof Snooze) return endingOfSnooze(result, now);
  if (result instanceof RetryAfter) {
    const error = { ...describeError(result.error, now()), retryable: true };
    return { kind: "failed", error, retryable: true, delayMs: boundedDelay(result.delayMs) };
  }
  if (result instanceof GiveUp) return permanent(describeError(result.error, now()));
  try {
    const output = serialise("Output", result, limits.payloadBytesMax);
    const issue = findJsonIssue(JSON.parse(output), "output");
    if (issue) throw new TypeError(`${issue.path}: ${issue.message}`);
    return { kind: "succeeded", output };
  } catch (error) {
    return permanent({ ...describeError(error, now()), code: "invalid_output" });
  }
}

/** What a transaction throws whose result cannot be the output of its job: nothing of it is committed. */
export function noOutput(ending: Ending, result: unknown): Error {
  if (ending.kind !== "failed" || isOutcome(result)) {
    return new TypeError("A transaction returns the output of the job");
  }
  const { message, code } = ending.error;
  return Object.assign(new PermanentError(message), { code });
}

/** Reads what a handler threw, by the policy of its type. A policy that throws is passed over. */
export function endingOfThrow(thrown: unknown, policy: RetryPolicy, at: Date): Ending {
  const error = describeError(thrown, at);
  const advice = adviceOf(thrown, policy);
  if (advice === null && isLockTaken(error)) {
    return { kind: "snoozed", delayMs: LOCK_AGAIN_MS, cause: "lock_taken" };
  }
  if (advice === "give_up" || (advice === null && !error.retryable)) return permanent(error);
  const delayMs = typeof advice === "object" && advice !== null ? advice.delayMs : null;
  return {
    kind: "failed",
    error: { ...error, retryable: true },
    retryable: true,
    delayMs: delayMs === null ? null : boundedDelay(delayMs),
  };
}

/** Of a snooze of no time, which costs no attempt: it would go round for ever, as fast as the database can. */
const SNOOZE_NONE_MS = 1_000;

/** What is no delay is a mistake of the handler, and fails as a throw does. */
function endingOfSnooze({ delayMs, cause }: Snooze, now: () => Date): Ending {
  if (typeof delayMs === "number" && !Number.isNaN(delayMs)) {
    const bounded = boundedDelay(delayMs) || SNOOZE_NONE_MS;
    return { kind: "snoozed", delayMs: bounded, ...cause !== undefined && { cause } };
  }
  const given = typeof delayMs === "number" ? "NaN" : typeof delayMs;
  const wrong = new TypeError(`snooze() got ${given}; give it a number of milliseconds`);
  const error = { ...describeError(wrong, now()), code: "invalid_snooze" };
  return { kind: "failed", error, retryable: true, delayMs: null };
}

/** A lock may be held for long: whoever wants it sooner says `waitMs`. */
const LOCK_AGAIN_MS = 2_000;

/** It waited its turn, as for a limit: nothing has failed. By name and code, for it may come from a thread. */
function isLockTaken({ name, code }: JobError): boolean {
  return name === "LockTakenError" && code === "lock_taken";
}

/** A failure that no retry can mend. */
export function permanent(error: JobError): Ending {
  return {
    kind: "failed",
    error: { ...error, retryable: false },
    retryable: false,
    delayMs: null,
  };
}

/** The same, its error without what the schema of the payload marks: it is stored, shown and logged. */
export function scrubbed(
  ending: Ending,
  redactor: Redactor | null | undefined,
  payload: unknown,
): Ending {
  if (ending.kind !== "failed" || !redactor) return ending;
  const { name, message, code } = ending.error;
  const shown = (text: string) => redactor.scrub(text, payload);
  const error = { name: shown(name), message: shown(message), code: code && shown(code) };
  return { ...ending, error: { ...ending.error, ...error } };
}

/** What the runner knows of its job beyond the claim. */
export interface Knowledge {
  readonly cancelRequested: boolean;
  readonly backoff: Backoff;
  readonly at: Date;
}

/** What of a job its ending is decided by. */
export type EndedJob = Pick<
  ClaimedJob,
  | "tenantId"
  | "id"
  | "version"
  | "leaseId"
  | "attempt"
  | "maxAttempts"
  | "crashes"
  | "maxCrashes"
  | "holdsSlots"
  | "ctid"
>;

/** What an ending says about what the handler leans on; null: nothing. No retry mends what is wrong with the job. */
export function judgementOf(ending: Ending): "success" | "failure" | null {
  if (ending.kind === "succeeded") return "success";
  return ending.kind === "failed" && ending.error.retryable ? "failure" : null;
}

/** The event that an ending is, unless a cancel was requested. */
export function eventTypeOf(ending: Ending): JobEventType {
  const types = {
    succeeded: "SUCCEED",
    failed: "FAIL",
    snoozed: "SNOOZE",
    interrupted: "INTERRUPTED",
    cancelled: "CANCEL",
  } as const;
  return types[ending.kind];
}

/** The machine's decision about an ended attempt, ready to be committed. */
export function changeOf(job: EndedJob, ending: Ending, known: Knowledge): Change {
  const event = eventOf(job, ending, known);
  const context = {
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    crashes: job.crashes,
    maxCrashes: job.maxCrashes,
    cancelRequested: known.cancelRequested,
  };
  const decision = transition({ state: "running", context }, event);
  if (!decision.accepted) throw new Error(`A running job refused ${event.type}`);
  const isCancelled = decision.to === "cancelled";
  const failure = ending.kind === "failed" ? ending.error : null;
  return {
    tenantId: job.tenantId,
    id: job.id,
    version: job.version,
    attempt: job.attempt,
    leaseId: job.leaseId,
    holdsSlots: job.holdsSlots,
    ctid: job.ctid,
    decision,
    output: ending.kind === "succeeded" ? ending.output : null,
    error: isCancelled ? cancelledError(known.at) : failure,
    cause: failure?.code ?? failure?.name ?? (isCancelled ? null : reasonOf(ending)),
    // Success wins over a cancel request; everything else must know of it.
    cancelKnown: event.type === "SUCCEED" || event.type === "CANCEL" ? null : known.cancelRequested,
  };
}

function reasonOf(ending: Ending): string | null {
  return ending.kind === "snoozed" || ending.kind === "interrupted" ? ending.cause ?? null : null;
}

function eventOf(job: EndedJob, ending: Ending, known: Knowledge): JobEvent {
  switch (ending.kind) {
    case "succeeded":
      return { type: "SUCCEED" };
    case "failed": {
      const delayMs = ending.delayMs ?? backoffDelayMs(known.backoff, job.id, job.attempt);
      return { type: "FAIL", retryable: ending.retryable, when: { delayMs } };
    }
    case "snoozed":
      if (known.cancelRequested) return { type: "CANCEL" };
      return { type: "SNOOZE", when: { delayMs: snoozeMs(job, ending) } };
    case "interrupted":
      return { type: known.cancelRequested ? "CANCEL" : "INTERRUPTED" };
    case "cancelled":
      return { type: "CANCEL" };
  }
}

/** Those that wait for the same do not come back together; a version passes each time, where no attempt does. */
function snoozeMs({ id, version }: EndedJob, ending: Ending & { kind: "snoozed" }): number {
  if (ending.cause === undefined) return ending.delayMs;
  return Math.round(ending.delayMs * (1 + 0.25 * unitHash(`${id}:${version}`)));
}

function adviceOf(thrown: unknown, policy: RetryPolicy) {
  try {
    return policy.on?.(thrown) ?? null;
  } catch {
    return null;
  }
}

function boundedDelay(delayMs: number): number {
  if (!(delayMs > 0)) return 0;
  return Math.min(Math.round(delayMs), limits.delayMsMax);
}

/** What `lastError` says of an attempt that took too long. */
export function lateError(timeoutMs: number, at: Date): JobError {
  return {
    name: "TimeoutError",
    message: `Handler took longer than ${timeoutMs} ms`,
    code: "timeout",
    retryable: true,
    at: at.toISOString(),
  };
}

/** The ending of a job whose payload its handler does not take. */
export function invalidInput(
  issues: readonly { readonly path: string; readonly message: string }[],
  at: Date,
): Ending {
  const message = issues.map((issue) => `${issue.path}: ${issue.message}`).join("; ");
  return permanent({
    name: "InvalidInputError",
    message: message.slice(0, 500),
    code: "invalid_input",
    retryable: false,
    at: at.toISOString(),
  });
}
