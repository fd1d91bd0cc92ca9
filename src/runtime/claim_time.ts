/**
 * How far ahead a claim past gates looks.
 *
 * Handlers that take no time would wait for it, and each claim costs some milliseconds, whatever it brings.
 * So it is asked for as many jobs as there will be handlers for in 50 ms, as a plain one is. What is claimed
 * ahead holds slots, though: where a gate had none left a while ago, it is asked only for what will be free
 * when it is back.
 */

const MS_MIN = 15;
const MS_MAX = 50;
/** Part of the latest claim in the mean. */
const WEIGHT = 0.25;
/** So long after a gate had no slot left they are known to be short. */
const SHORT_MS = 5_000;

/** Of one process. */
export class ClaimTime {
  #mean = MS_MIN;
  #shortUntil = -Infinity;

  /** Milliseconds of work to claim. @param now monotonic */
  aheadMs(now: number): number {
    if (now >= this.#shortUntil) return MS_MAX;
    return Math.min(MS_MAX, Math.max(MS_MIN, this.#mean));
  }

  /** A claim has taken so long; `isShort`: a gate had no slot left for it. */
  note(ms: number, isShort: boolean, now: number): void {
    this.#mean += WEIGHT * (ms - this.#mean);
    if (isShort) this.#shortUntil = now + SHORT_MS;
  }
}
