/** Delays between attempts. */
import { unitHash } from "./hash.ts";

/** Growth of the delay between attempts. All in milliseconds. */
export interface Backoff {
  readonly baseMs: number;
  readonly factor: number;
  readonly capMs: number;
}

/**
 * Delay before the next attempt: exponential, capped, spread upwards by up to a quarter.
 *
 * A duration, not an instant: the store adds it to the database's clock. The spread is a hash of
 * (job, attempt), so a thousand jobs that failed together do not come back together, yet the same
 * job always gets the same delay.
 *
 * @param attempt Attempts already made, from 1.
 * @returns Whole milliseconds in [min(d, 0.8 × cap), cap], where d is the plain exponential delay.
 */
export function backoffDelayMs(policy: Backoff, jobId: string, attempt: number): number {
  const plainMs = policy.baseMs * policy.factor ** (attempt - 1);
  // Capped after the spread, so that the cap is exact and overflow to Infinity is harmless.
  const ceilingMs = Math.min(policy.capMs, plainMs * 1.25);
  return Math.round(ceilingMs * (0.8 + 0.2 * unitHash(`${jobId}:${attempt}`)));
}
