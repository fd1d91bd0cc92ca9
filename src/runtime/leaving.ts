/** Ends the jobs of activities that their actors have left: the ordinary cancel of a job. */
import type { Clock } from "../core/clock.ts";
import { NotFoundError, TransitionRejectedError, VersionConflictError } from "../core/errors.ts";
import type { Store } from "../store/store.ts";
import { applyDecision } from "./applying.ts";
import { changeJob, decide } from "./deciding.ts";

const CAUSE = "actor";

/** Asks one job to end. One that has ended, or moves too fast, is for the next sweep. */
export async function leaveJob(
  host: { readonly store: Store; readonly clock: Clock },
  tenantId: string,
  id: string,
): Promise<void> {
  try {
    await changeJob(host.store, id, { tenantId, ifVersion: null }, (job) => {
      return applyDecision(host, job, decide(job, { type: "CANCEL" }), CAUSE);
    });
  } catch (error) {
    const isOver = error instanceof NotFoundError || error instanceof TransitionRejectedError ||
      error instanceof VersionConflictError;
    if (!isOver) throw error;
  }
}
