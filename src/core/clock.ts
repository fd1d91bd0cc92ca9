/**
 * Time and randomness as ports: the only place that reads either.
 *
 * No worker clock decides anything durable. The wall clock here dates ids and log lines; the
 * monotonic one lets a worker give up *earlier* than the database would ask it to.
 */

/** Reads time. */
export interface Clock {
  /** Wall time, milliseconds since 1970. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary origin. Never goes back. */
  monotonic(): number;
}

/** A source of uniform numbers in [0, 1). */
export type Random = () => number;

/** The clock of the platform. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};

/** The random source of the platform. */
export const systemRandom: Random = () => Math.random();

/** `baseMs` spread evenly over ±`share`, so that many processes do not act in step. */
export function jittered(baseMs: number, random: Random, share = 0.1): number {
  return Math.round(baseMs * (1 - share + 2 * share * random()));
}
