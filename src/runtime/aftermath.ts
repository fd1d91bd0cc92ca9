/**
 * What the end of a job means to others: a slot is free, the next job of its ordering key may start, a breaker
 * has something to go by.
 */
import type { Clock } from "../core/clock.ts";
import type { GateName } from "../core/gate.ts";
import type { BreakerStore } from "../store/store.ts";
import type { ClaimedJob, HintStore, Lane, OrderStore } from "../store/store.ts";
import { Breakers, coolBreaker } from "./breakers.ts";
import type { Gates } from "./gates.ts";
import type { Handlers } from "./handlers.ts";
import type { LaneBook } from "./lane_book.ts";

const KEYS_PER_PROMOTION = 1_000;

/** What of the store this needs. */
export type AftermathStore = HintStore & {
  readonly order: OrderStore;
  readonly breakers: BreakerStore;
};

/** What this needs of its surroundings. */
export interface AftermathHost {
  readonly store: AftermathStore;
  readonly clock: Clock;
  readonly handlers: Handlers;
  readonly book: LaneBook;
  readonly gates: Gates;
  readonly serves: (lane: Lane) => boolean;
  /** There may be something to claim. */
  readonly ring: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** The ends of the jobs of one process. */
export class Aftermath {
  readonly #host: AftermathHost;
  readonly #breakers: Breakers;
  /** The first job of some ordering key may not have been told so. */
  #isVacancyLikely = false;

  constructor(host: AftermathHost) {
    this.#host = host;
    this.#breakers = new Breakers(host);
  }

  /** A handler has ended; `startedAt`: monotonic. Moves the breaker of its type or key, if it has one. */
  onOutcome(job: ClaimedJob, isFailure: boolean, startedAt: number): void {
    const { handlers, book, gates } = this.#host;
    if (!handlers.get(job.type)?.breaker) return;
    const lane = book.laneOf(job);
    const breaker = lane && gates.breakerOf(lane);
    // While it is closed, successes change nothing.
    if (!breaker || (breaker.isClosed && !isFailure)) return;
    this.#breakers.note(breaker.gate, breaker.settings, { isFailure, startedAt });
  }

  /** The end of a job has been committed. */
  onSettled(job: ClaimedJob): void {
    if (!job.holdsSlots) return;
    const { book, gates, ring } = this.#host;
    const lane = book.laneOf(job);
    if (lane) gates.reopen(lane);
    if (lane?.isOrdered) {
      // The next one of its key may be in any lane.
      book.wakeOrdered();
      this.#isVacancyLikely = true;
    }
    ring();
  }

  /** Looks again whether all first jobs of ordering keys know that they are. */
  expectVacancy(): void {
    this.#isVacancyLikely = true;
  }

  /** Tells the first jobs of ordering keys that they are, where it is likely that one does not know. */
  async promote(): Promise<void> {
    if (!this.#isVacancyLikely) return;
    this.#isVacancyLikely = false;
    const { store, book, serves } = this.#host;
    const lanes = await store.order.promote(KEYS_PER_PROMOTION);
    if (lanes.length === 0) return;
    book.wake(lanes.filter(serves));
    // Others serve the other lanes, or have more room.
    store.hint({ kind: "lanes", lanes });
  }

  /** The time that a breaker was to stay open is over. */
  async cool(gate: GateName): Promise<void> {
    await coolBreaker(this.#host.store, gate);
  }
}
