/** Why a job does not run: reasons in the order in which they would have to go away. */
import type { Clock } from "../core/clock.ts";
import type { Job } from "../core/job.ts";
import { isTerminal, statesAccepting } from "../core/lifecycle.ts";
import type { Handlers } from "./handlers.ts";

/** One reason. `until`: when it goes away by itself, RFC 3339; null: not known. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly until: string | null;
}

const claimable = statesAccepting("CLAIM");

/** The reasons why a job is where it is; a running or ended job has its reason too. */
export function explain(job: Job, handlers: Handlers, clock: Clock): Reason[] {
  if (isTerminal(job.state)) {
    return [because("ended", `The job has ended as ${job.state}`, null)];
  }
  if (!claimable.includes(job.state)) return explainRunning(job, clock);
  const reasons: Reason[] = [];
  if (Date.parse(job.runAt) > clock.now()) {
    const what = job.attempt > 0 && job.lastError ? "waits for its next attempt" : "is not due yet";
    reasons.push(because("not_due", `The job ${what}`, job.runAt));
  }
  if (!handlers.has(job.type)) {
    reasons.push(because("no_handler", `No handler of type "${job.type}" is known here`, null));
  }
  if (job.crashes > 0 && job.crashes >= job.maxCrashes - 1) {
    const message = "One more crash ends it: a worker must be free to run it alone";
    reasons.push(because("runs_alone", message, null));
  }
  if (reasons.length === 0) {
    const message = `Due since ${job.runAt}: the next free worker of its queue takes it`;
    reasons.push(because("waits_for_worker", message, null));
  }
  return reasons;
}

function explainRunning(job: Job, clock: Clock): Reason[] {
  const reasons = [
    because("running", `Worker ${job.leaseOwner ?? "unknown"} runs it`, job.leaseUntil),
  ];
  if (job.leaseUntil !== null && Date.parse(job.leaseUntil) < clock.now()) {
    reasons.push(because("lease_over", "Its lease is over: the next sweep recovers it", null));
  }
  if (job.cancelRequestedAt !== null) {
    reasons.push(because("cancel_requested", "Its handler has been asked to stop", null));
  }
  return reasons;
}

function because(code: string, message: string, until: string | null): Reason {
  return { code, message, until };
}
