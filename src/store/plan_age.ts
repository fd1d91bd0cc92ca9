/**
 * When a session's plans are too old.
 *
 * PostgreSQL keeps the plan of a prepared statement until somebody analyses a table that it reads. Made
 * while the tables were empty, as a queue's are at night, it reads all there is for every claim and
 * commit of the burst that follows, until autovacuum comes by a minute later. So plans are made anew
 * while they are used, which costs a few milliseconds.
 */
import { systemClock } from "../core/clock.ts";

const RUNS_MIN = 50;

/** Of one session. */
export class PlanAge {
  #since = systemClock.monotonic();
  #runs = 0;

  constructor(readonly ageMs: number) {}

  /** Another statement is about to run: whether plans are to be thrown away before it. */
  isOverAtRun(): boolean {
    if (++this.#runs < RUNS_MIN || systemClock.monotonic() - this.#since < this.ageMs) return false;
    this.#runs = 0;
    this.#since = systemClock.monotonic();
    return true;
  }
}
