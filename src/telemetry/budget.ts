/**
 * How many traces begin: each at a low rate, so many a second at a high one.
 *
 * A span costs some 20 µs, twice what a short job costs altogether; ten thousand traces a second are
 * read by nobody. What continues a trace is always part of it.
 */
import type { Clock } from "../core/clock.ts";

/** A bucket of beginnings. */
export class TraceBudget {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #left: number;
  #at: number;

  /** @param perSecond Also how many may begin at one moment; Infinity: all. */
  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#left = perSecond;
    this.#at = clock.monotonic();
  }

  /** Whether another one may begin. */
  take(): boolean {
    if (this.#perSecond === Infinity) return true;
    const now = this.#clock.monotonic();
    this.#left = Math.min(
      this.#perSecond,
      this.#left + (now - this.#at) / 1000 * this.#perSecond,
    );
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
