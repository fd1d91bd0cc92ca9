/**
 * How long a claim past gates takes, its way and the disk included.
 *
 * Handlers that take no time would wait for it. So it is asked for as many jobs as there will be handlers
 * for when it is back: the longer claims take, the more each brings.
 */

const MS_MIN = 15;
/** What is claimed holds slots that another process may have a handler for. */
const MS_MAX = 50;
/** Part of the latest claim in the mean. */
const WEIGHT = 0.25;

/** Of one process. */
export class ClaimTime {
  #mean = MS_MIN;

  /** Milliseconds that the next claim is expected to take. */
  get ms(): number {
    return Math.min(MS_MAX, Math.max(MS_MIN, this.#mean));
  }

  /** A claim has taken so long. */
  note(ms: number): void {
    this.#mean += WEIGHT * (ms - this.#mean);
  }
}
