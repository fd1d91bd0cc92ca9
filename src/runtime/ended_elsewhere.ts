/** Attempts whose job somebody else has ended: a pushed job whose answer came later, by the API. */
import type { JobStore } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";

/**
 * Stops the attempts of these jobs whose end is stored by now.
 *
 * A hint is not believed: it may come when the job has been handed back and runs here again. To stop that
 * attempt, and write nothing, would leave the job to the sweeper, and cost it a crash.
 */
export async function stopEnded(
  store: Pick<JobStore, "get">,
  running: Iterable<Attempt>,
  jobIds: readonly string[],
): Promise<void> {
  const ids = new Set(jobIds);
  for (const attempt of running) {
    const { tenantId, id, version } = attempt.claimed;
    if (!ids.has(id)) continue;
    const job = await store.get(tenantId, id);
    if (job?.version !== version) attempt.stop("lease_lost", null);
  }
}
