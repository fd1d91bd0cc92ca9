/**
 * Looks at the database for those who scrape: seldom, and never in their way.
 *
 * A look is used for five seconds, and longer where looking is slow: at most a twentieth of the time is
 * spent on it. Whoever asks waits 40 ms for a fresh one, then takes the last one.
 */
import type { Clock } from "../core/clock.ts";
import { within } from "../runtime/within.ts";
import type { Observed, ObserveStore } from "../store/store.ts";

const FRESH_MS = 5_000;
const SHARE = 20;
const PATIENCE_MS = 40;
/** There is nothing to show yet. */
const PATIENCE_MS_FIRST = 2_000;
/** Numbers as old as this mislead: better none. */
const USELESS_MS = 120_000;

/** A look, and how old it is. */
export interface Look extends Observed {
  readonly ageSeconds: number;
}

/** The last look of one process. */
export class Watcher {
  readonly #store: ObserveStore;
  readonly #clock: Clock;
  #last: Observed | null = null;
  #lastAt = -Infinity;
  #dueAt = -Infinity;
  #looking: Promise<void> | null = null;
  /** Looks that failed. */
  failures = 0;

  constructor(store: ObserveStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Null: the database has not answered for long. Never rejects. */
  async look(): Promise<Look | null> {
    if (this.#clock.monotonic() >= this.#dueAt) this.#looking ??= this.#look();
    if (this.#looking) {
      await within(this.#last ? PATIENCE_MS : PATIENCE_MS_FIRST, this.#looking);
    }
    const ageMs = this.#clock.monotonic() - this.#lastAt;
    return this.#last && ageMs < USELESS_MS ? { ...this.#last, ageSeconds: ageMs / 1000 } : null;
  }

  async #look(): Promise<void> {
    const askedAt = this.#clock.monotonic();
    try {
      this.#last = await this.#store.observe();
      this.#lastAt = askedAt;
    } catch {
      this.failures++;
    }
    const tookMs = this.#clock.monotonic() - askedAt;
    this.#dueAt = askedAt + Math.max(FRESH_MS, SHARE * tookMs);
    this.#looking = null;
  }
}
