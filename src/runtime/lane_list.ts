/** The list of lanes that have jobs: read once per poll, and anew when something may be missing in it. */
import type { Clock } from "../core/clock.ts";
import type { Lane, WorkStore } from "../store/store.ts";
import type { Glance } from "./glance.ts";

/** A list that takes long is read less often: for a twentieth of the time. */
const SHARE = 20;

/** What the list is read with. */
export interface LaneListHost {
  readonly store: Pick<WorkStore, "lanes">;
  readonly clock: Clock;
  readonly glance: Glance;
  readonly pollMs: number;
}

/** When to read the list. */
export class LaneList {
  readonly #host: LaneListHost;
  #dueAt = -Infinity;

  constructor(host: LaneListHost) {
    this.#host = host;
  }

  /** Monotonic instant of the next reading; -Infinity: it was forgotten. */
  get dueAt(): number {
    return this.#dueAt;
  }

  forget(): void {
    this.#dueAt = -Infinity;
  }

  /** Null: it is not due. Rejects as the store does; then it is due at once. */
  async read(): Promise<readonly Lane[] | null> {
    const { clock, glance, pollMs, store } = this.#host;
    const askedAt = clock.monotonic();
    if (askedAt < this.#dueAt) return null;
    // A hint that comes while the list is being read asks for another.
    this.#dueAt = Infinity;
    try {
      const lanes = await glance.maySee("jobs") ? await store.lanes() : [];
      const now = clock.monotonic();
      const spentMs = SHARE * (now - askedAt);
      const nextAt = spentMs < pollMs ? now + glance.pauseMs : askedAt + spentMs;
      this.#dueAt = Math.min(this.#dueAt, nextAt);
      return lanes;
    } catch (error) {
      this.#dueAt = -Infinity;
      throw error;
    }
  }
}
