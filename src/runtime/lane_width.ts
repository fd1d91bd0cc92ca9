/**
 * How many lanes a claim past gates asks.
 *
 * Each lane costs the locking and counting of its gates, whatever it brings. So no more are asked than fill
 * the claim: few where they are deep and their limits wide, many where each brings little. Whoever is
 * passed over is first in the next claim.
 */

const LANES_MIN = 4;

/** Of one process, by what its last claims brought. */
export class LaneWidth {
  #lanes: number;
  readonly #least: number;

  /** @param lanesMax Never more than these; it begins with them. */
  constructor(private readonly lanesMax: number) {
    this.#lanes = lanesMax;
    this.#least = Math.min(LANES_MIN, lanesMax);
  }

  /** For the next claim. */
  get lanes(): number {
    return this.#lanes;
  }

  /** A claim of at most `limit` jobs has brought so many. */
  note(jobs: number, limit: number): void {
    if (jobs >= limit) this.#lanes = Math.max(this.#least, this.#lanes >> 1);
    else if (jobs < limit / 2) this.#lanes = Math.min(this.lanesMax, this.#lanes * 2);
  }
}
