/**
 * When a session's plans are too old.
 *
 * PostgreSQL keeps the plan of a prepared statement until somebody analyses a table that it reads. Made
 * while the tables were empty, as a queue's are at night, it reads all there is for every claim and
 * commit of the burst that follows, until autovacuum comes by a minute later. So plans are made anew
 * while they are used. That costs some milliseconds each time, much of what a busy session of small
 * statements costs at all: so it happens less and less often, until a statement is slow.
 */
import { type Clock, systemClock } from "../core/clock.ts";

const RUNS_MIN = 50;
/** In the end plans live so many times longer. */
const GROWTH_MAX = 8;
/** A statement that takes longer, its way and its wait included, may have an old plan. */
const SLOW_MS = 50;

/** Of one session. */
export class PlanAge {
  readonly #ageMs: number;
  readonly #clock: Pick<Clock, "monotonic">;
  #since: number;
  #runs = 0;
  #growth = 1;

  /** @param ageMs Of a session that has just begun, or is slow. */
  constructor(ageMs: number, clock: Pick<Clock, "monotonic"> = systemClock) {
    this.#ageMs = ageMs;
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** Another statement is about to run: whether plans are to be thrown away before it. */
  isOverAtRun(): boolean {
    const ageMs = this.#clock.monotonic() - this.#since;
    if (++this.#runs < RUNS_MIN || ageMs < this.#ageMs * this.#growth) return false;
    this.#runs = 0;
    this.#since += ageMs;
    this.#growth = Math.min(2 * this.#growth, GROWTH_MAX);
    return true;
  }

  /** A statement took so long. */
  note(ms: number): void {
    if (ms > SLOW_MS) this.#growth = 1;
  }
}
