/** What may happen so many times a second: each time at a low rate, a part of them at a high one. */
import type { Clock } from "./clock.ts";

/** A bucket of times. */
export class Budget {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #clock: Clock;
  #left: number;
  #at: number;

  /**
   * @param perSecond Infinity: all.
   * @param burst How many may happen at one moment.
   */
  constructor(perSecond: number, clock: Clock, burst = perSecond) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#clock = clock;
    this.#left = burst;
    this.#at = clock.monotonic();
  }

  /** Whether it may happen once more. */
  take(): boolean {
    if (this.#perSecond === Infinity) return true;
    const now = this.#clock.monotonic();
    this.#left = Math.min(
      this.#burst,
      this.#left + (now - this.#at) / 1000 * this.#perSecond,
    );
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
