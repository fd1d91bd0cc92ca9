/** A histogram with fixed bounds: one addition per value, nothing allocated. */

/** Upper bounds of how long work takes, in seconds. */
export const WORK_SECONDS: readonly number[] = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
];
/** Upper bounds of how long something waits, in seconds. */
export const WAIT_SECONDS: readonly number[] = [
  ...[0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400],
];

/** Counts values by size. Values and bounds are in the same unit, mostly seconds. */
export class Histogram {
  readonly bounds: readonly number[];
  /** Per bound those above the one before it; last, those above all. Not cumulative. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  /** @param bounds Ascending. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Adds a value; less than 0, as clocks that differ make them, is 0. */
  observe(value: number): void {
    const { bounds, counts } = this;
    const known = value > 0 ? value : 0;
    let index = 0;
    // Most values are small: from below it takes two or three looks.
    while (index < bounds.length && known > Number(bounds[index])) index++;
    counts[index] = Number(counts[index]) + 1;
    this.sum += known;
    this.count++;
  }
}
