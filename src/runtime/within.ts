import type { Clock } from "../core/clock.ts";

/** What `work` gives; undefined when it takes longer than `ms`, and then nobody waits for it. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<undefined>((done) => {
    timer = setTimeout(() => done(undefined), Math.max(0, ms));
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a wait of a stop has at least, of the whole. */
const LEAST = 0.05;

/**
 * Waits of one stop: each lasts until its share of `shutdownMs` is over, counted from here. What an
 * earlier one leaves is the later ones', so a database that is slow has all the time there is. After one that took
 * longer than it might, since this process stood still, a later one has a twentieth of the whole.
 */
export function deadlines({ shutdownMs, clock }: { shutdownMs: number; clock: Clock }) {
  const startedAt = clock.monotonic();
  return <T>(share: number, work: Promise<T>): Promise<T | undefined> =>
    within(Math.max(shutdownMs * LEAST, startedAt + shutdownMs * share - clock.monotonic()), work);
}
