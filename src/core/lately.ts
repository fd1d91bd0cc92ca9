/**
 * What has been seen a short while ago.
 *
 * A process outlives what it has seen: a standby that takes over, or a backup that is restored, may lack
 * a row that was there. Who remembers for ever that a row is there never makes it again.
 */
import type { Clock } from "./clock.ts";

const MS_MAX = 60_000;
const SIZE_MAX = 100_000;

/** Names that are known to be there. All of them are forgotten together, a minute after the first. */
export class Lately {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #names = new Set<string>();
  #since = -Infinity;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Whether it was added within the last minute. */
  has(name: string): boolean {
    if (this.#clock.monotonic() - this.#since >= MS_MAX) this.#names.clear();
    return this.#names.has(name);
  }

  /** Call it when it is known to be there. */
  add(name: string): void {
    if (this.#names.size >= SIZE_MAX) this.#names.clear();
    if (this.#names.size === 0) this.#since = this.#clock.monotonic();
    this.#names.add(name);
  }
}
