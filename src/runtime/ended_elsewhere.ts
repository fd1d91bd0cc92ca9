/** Attempts whose job somebody else has ended: a pushed job whose answer came later, by the API. */
import { UnavailableError } from "../core/errors.ts";
import type { JobStore } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";

const PAUSE_MS = 1_000;

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
  const named = [...running].filter(({ claimed }) => ids.has(claimed.id));
  await Promise.all(named.map(async (attempt) => {
    const { tenantId, id, version } = attempt.claimed;
    // Not said twice: while the database is away it is asked again, as long as the attempt runs.
    while ([...running].includes(attempt)) {
      const job = await store.get(tenantId, id).catch(unanswered);
      if (job !== undefined && job?.version !== version) attempt.stop("lease_lost", null);
      if (job !== undefined) return;
      await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  }));
}

function unanswered(error: unknown): undefined {
  if (!(error instanceof UnavailableError)) throw error;
}
