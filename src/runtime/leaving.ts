/** Ends jobs that are no longer wanted, by their actors or schedules: the ordinary cancel of a job. */
import type { Clock } from "../core/clock.ts";
import type { Store } from "../store/store.ts";
import { applyDecision } from "./applying.ts";
import { changeJob, decide, isOver } from "./deciding.ts";

/** Asks one job to end. One that has ended, or moves too fast, is for the next sweep. */
export async function leaveJob(
  host: { readonly store: Store; readonly clock: Clock },
  tenantId: string,
  id: string,
  cause: string = "actor",
): Promise<void> {
  try {
    await changeJob(host.store, id, { tenantId, ifVersion: null }, (job) => {
      return applyDecision(host, job, decide(job, { type: "CANCEL" }), cause);
    });
  } catch (error) {
    if (!isOver(error)) throw error;
  }
}
