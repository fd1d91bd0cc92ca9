/** Keeps an eye on the server while a process is attached, and has it restarted when it is gone. */

import { LIMITS } from "./limits.ts";
import { sleep } from "./wait.ts";

export interface WatchOptions {
  /** Cheap; asked about twice a second. */
  readonly isUp: () => Promise<boolean>;
  /** Brings the server back. May wait for another process that does so; must honour the signal. */
  readonly heal: (signal: AbortSignal) => Promise<void>;
  /** Told about a failed `heal`; another one follows after a pause. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Starts watching.
 *
 * @returns Stops watching, and resolves when a running restart has let go of the start lock.
 */
export function watchServer(options: WatchOptions): () => Promise<void> {
  const stopping = new AbortController();
  let look: Promise<void> | undefined;
  const timer = setInterval(() => {
    // A look that heals takes longer than the interval: one at a time.
    look ??= lookOnce(options, stopping.signal).finally(() => look = undefined);
  }, LIMITS.watchMs);
  // A program that forgets to close must still be able to end.
  Deno.unrefTimer(timer);
  return async () => {
    clearInterval(timer);
    stopping.abort(new DOMException("Detached from PostgreSQL", "AbortError"));
    await look;
  };
}

async function lookOnce(options: WatchOptions, signal: AbortSignal): Promise<void> {
  try {
    if (await options.isUp()) return;
    await options.heal(signal);
  } catch (error) {
    if (signal.aborted) return;
    options.onFailure(error);
    await sleep(LIMITS.healPauseMs, signal);
  }
}
