/** A backlog of jobs that do nothing. */
import { defineHandler, indexHandlers, Jobs, openStore, systemClock } from "perdura";
import { z } from "zod";

/** Their type. */
export const NOOP = "debug.noop";

const PER_CALL = 1_000;
const BACKOFF = { baseMs: 1000, factor: 2, capMs: 300_000 };

/** Adds so many. @param tenantOf Whose the n-th is; left out: the default tenant's. */
export async function addNoops(
  store: ReturnType<typeof openStore>,
  count: number,
  tenantOf?: (n: number) => string,
): Promise<void> {
  const handlers = indexHandlers([
    defineHandler({ type: NOOP, input: z.unknown(), handle: () => null }),
  ]);
  const defaults = { maxAttempts: 3, maxCrashes: 3, backoff: BACKOFF };
  const jobs = new Jobs({ store, clock: systemClock, handlers, defaults });
  for (let from = 0; from < count; from += PER_CALL) {
    const some = Array.from({ length: Math.min(PER_CALL, count - from) }, (_, n) => from + n);
    await jobs.enqueueMany(some.map((n) => ({
      ...{ type: NOOP, payload: { order: n } },
      ...(tenantOf ? { tenantId: tenantOf(n) } : {}),
    })));
  }
}
