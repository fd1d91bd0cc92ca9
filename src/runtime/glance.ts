/**
 * What a worker with nothing to do asks instead of all its questions: whether there is anything to ask
 * about. Loops whose pauses end at the same moment share one answer.
 */
import type { Clock } from "../core/clock.ts";
import type { Sight, WorkStore } from "../store/store.ts";

/** Loops that were woken by the same moment come within this time. */
const SHARED_MS = 50;

/** The glances of one worker. */
export class Glance {
  readonly #store: Pick<WorkStore, "glance">;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #sharedMs: number;
  #sight: Promise<Sight> | null = null;
  #askedAt = -Infinity;
  #hints = 0;

  constructor(store: Pick<WorkStore, "glance">, clock: Clock, pollMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#pollMs = pollMs;
    this.#sharedMs = Math.min(SHARED_MS, pollMs / 4);
  }

  /** Milliseconds until the moment, once per `pollMs`, at which all loops look again. */
  get pauseMs(): number {
    // Counted from the start of the process: so processes are not in step.
    const leftMs = this.#pollMs - this.#clock.monotonic() % this.#pollMs;
    // Woken a little before the moment, this one has been kept; whoever was late waits no second one.
    return leftMs < this.#sharedMs ? leftMs + this.#pollMs : leftMs;
  }

  /**
   * Whether there is any, for what a hint brings in a hurry: yes at once, when one comes during the glance.
   * Rejects as the store does.
   */
  async maySee(what: "jobs" | "mail"): Promise<boolean> {
    const sight = await this.#look();
    return sight === null || sight[what];
  }

  /**
   * Whether there is any; after a hint that comes during the glance, by another one: whatever it tells of, the
   * questions of all loops would cost more. Rejects as the store does.
   */
  async sees(what: Exclude<keyof Sight, "gateChange">): Promise<boolean> {
    const sight = await this.#look() ?? await this.#look();
    return sight === null || sight[what];
  }

  /** The number of the last change of gates; null: there may be a newer one. Rejects as the store does. */
  async gateChange(): Promise<string | null> {
    return (await this.#look())?.gateChange ?? null;
  }

  /** Null: a hint that came meanwhile tells of something that may not have been seen. */
  async #look(): Promise<Sight | null> {
    const now = this.#clock.monotonic();
    if (!this.#sight || now - this.#askedAt > this.#sharedMs) {
      this.#askedAt = now;
      this.#sight = this.#store.glance();
    }
    const sight = this.#sight;
    const hints = this.#hints;
    try {
      const seen = await sight;
      return this.#hints === hints ? seen : null;
    } catch (error) {
      if (this.#sight === sight) this.#sight = null;
      throw error;
    }
  }

  /** There may be something new: what was seen may be older than that. */
  forget(): void {
    this.#hints++;
    this.#sight = null;
  }
}
