/** What may happen so many times a second: each time at a low rate, a part of them at a high one. */
import type { Clock } from "./clock.ts";

/** A bucket of times. */
export class Budget {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #left: number;
  #at: number;

  /** @param perSecond Also how many may happen at one moment; Infinity: all. */
  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#left = perSecond;
    this.#at = clock.monotonic();
  }

  /** Whether it may happen once more. */
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
