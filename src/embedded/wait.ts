/** Waiting on conditions. The only timers of this folder, besides the watcher's, are here. */

import { LIMITS } from "./limits.ts";

export interface PollOptions {
  /** Longest wait. The condition is looked at once even when this is 0. */
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  /** Aborts the wait: the abort reason is thrown. */
  readonly signal?: AbortSignal | undefined;
  /** Called once when the wait has become long enough for people to wonder. */
  readonly onSlow?: () => void;
}

/** Resolves after `ms`, or as soon as `signal` aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}

/**
 * Asks `look` until it answers something other than undefined.
 *
 * @returns The answer, or undefined when the time is over.
 * @throws The abort reason of `signal`, or whatever `look` throws.
 */
export async function pollUntil<T>(
  look: () => Promise<T | undefined>,
  options: PollOptions,
): Promise<T | undefined> {
  // The monotonic clock: a step of the wall clock must not end or stretch a wait.
  const startedAt = performance.now();
  let onSlow = options.onSlow;
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await look();
    const waitedMs = performance.now() - startedAt;
    if (answer !== undefined || waitedMs >= options.timeoutMs) return answer;
    if (waitedMs > LIMITS.slowMs) {
      onSlow?.();
      onSlow = undefined;
    }
    await sleep(options.intervalMs ?? LIMITS.pollMs);
  }
}
