/** What an event would be answered with, were it sent now: everything is looked at, and nothing is changed. */
import type { JobEvent } from "../../machines/job.ts";
import type { Job } from "../core/job.ts";
import { isTerminal } from "../core/lifecycle.ts";
import { uniqueKeyOf } from "../core/unique.ts";
import type { JobStore, UniqueHolder, UniqueStore } from "../store/store.ts";
import { answerForeseen } from "./answering.ts";
import { keyTaken } from "./applying.ts";
import { decide } from "./deciding.ts";
import type { Foreseen } from "./job_answers.ts";
import { lockKeyOf } from "./uniques.ts";

/** Where keys are looked up. */
export type KeyedStore = Pick<JobStore, "known"> & {
  readonly uniques: Pick<UniqueStore, "holder">;
};

/**
 * The answer to an event.
 *
 * @throws {TransitionRejectedError}
 * @throws {IdempotencyConflictError} The job would come back, and another one holds its key.
 */
export async function foreseeEvent(
  store: KeyedStore,
  job: Job,
  event: JobEvent,
  at: Date,
): Promise<Foreseen> {
  const decision = decide(job, event);
  if (isTerminal(job.state)) {
    const holder = await holderOf(store, job);
    if (holder !== null) throw keyTaken(job, holder);
  }
  return answerForeseen(job, decision, at);
}

/** The job that holds the key which this one would take again; null: nobody else does. */
async function holderOf(store: KeyedStore, job: Job): Promise<string | null> {
  const key = uniqueKeyOf(job.metadata);
  if (key !== null) {
    const held = await store.uniques.holder(job.tenantId, lockKeyOf(job.type, key));
    return held && otherThan(job.id, held);
  }
  // Who holds it is asked for, and not what of.
  const [known] = await store.known([{ ...job, payloadJson: "null" }]);
  return known && known.holder !== job.id ? known.holder : null;
}

/** As requeue.sql sees it: the key is free when it is this job's own, or nobody lives who has it. */
function otherThan(id: string, { job, jobId, isWithin, waitsFor }: UniqueHolder): string | null {
  const isLive = job !== null && !isTerminal(job.state);
  return isLive || (isWithin && jobId !== id) ? waitsFor ?? jobId : null;
}
