/** A client's decision about a job, carried out where the job lives. */
import type { Clock } from "../core/clock.ts";
import { IdempotencyConflictError } from "../core/errors.ts";
import type { Job } from "../core/job.ts";
import { type Decision, isTerminal } from "../core/lifecycle.ts";
import type { Change, Store } from "../store/store.ts";
import { isCommitted, isRequest } from "./deciding.ts";
import { cancelledError } from "./endings.ts";
import { laneOf } from "./preparing.ts";

/** What carrying out needs. */
export interface ApplyHost {
  readonly store: Store;
  readonly clock: Clock;
}

/** What was done. `requestedAt`: nothing yet, a running handler has been asked to stop. */
export interface Applied {
  readonly requestedAt: string | null;
}

/**
 * What was done; null when somebody else was faster.
 *
 * @throws {IdempotencyConflictError} The job comes back, and another one holds its key now.
 */
export async function applyDecision(
  host: ApplyHost,
  job: Job,
  decision: Decision,
  cause: string,
): Promise<Applied | null> {
  const { store } = host;
  if (isRequest(job, decision)) {
    const requestedAt = await store.requestCancel(job, cause);
    if (requestedAt === null) return null;
    store.hint({ kind: "cancel" });
    return { requestedAt };
  }
  if (isTerminal(job.state)) {
    const { outcome, holder } = await store.requeue(job, decision, cause);
    if (outcome === "key_taken") throw keyTaken(job, holder);
    if (outcome === "moved") return null;
  } else {
    const [refusal] = await store.commit(null, [changeOf(host, job, decision, cause)]);
    if (!isCommitted(refusal)) return null;
  }
  if (isTerminal(decision.to)) store.hint({ kind: "ended", ids: [job.id] });
  else store.hint({ kind: "lanes", lanes: [laneOf(job)] });
  return { requestedAt: null };
}

/** The refusal of an ended job whose key another one holds now. */
export function keyTaken(
  { idempotencyKey }: Pick<Job, "idempotencyKey">,
  holder: string,
): IdempotencyConflictError {
  if (idempotencyKey !== null) return new IdempotencyConflictError(idempotencyKey, holder);
  return new IdempotencyConflictError("", holder, `Its unique key belongs to job ${holder} now`);
}

function changeOf({ clock }: ApplyHost, job: Job, decision: Decision, cause: string): Change {
  const isCancelled = decision.to === "cancelled";
  return {
    tenantId: job.tenantId,
    id: job.id,
    version: job.version,
    attempt: job.attempt,
    leaseId: null,
    decision,
    output: null,
    error: isCancelled ? cancelledError(new Date(clock.now())) : null,
    cause,
    cancelKnown: null,
  };
}
