/** What rows of a batch share is sent once, and each row says by its number which of those it has. */

/** The distinct parts of a batch. */
export interface Shared<T> {
  /** The first row with each part. */
  readonly firsts: readonly T[];
  /** How many rows have each part. */
  readonly counts: readonly number[];
  /** For each row the number of its part, from 1, as PostgreSQL counts. */
  readonly numbers: readonly number[];
}

/**
 * Numbers the parts that rows share.
 *
 * @param isSame Whether two rows share a part; asked of neighbours, which mostly do.
 * @param keyOf Text that names the part of a row.
 */
export function sharedParts<T>(
  rows: readonly T[],
  isSame: (a: T, b: T) => boolean,
  keyOf: (row: T) => string,
): Shared<T> {
  const firsts: T[] = [];
  const counts: number[] = [];
  const known = new Map<string, number>();
  let last: { row: T; number: number } | null = null;
  const numberOf = (row: T): number => {
    if (last && isSame(last.row, row)) return last.number;
    const key = keyOf(row);
    const number = known.get(key) ?? firsts.push(row);
    known.set(key, number);
    last = { row, number };
    return number;
  };
  const numbers = rows.map((row) => {
    const number = numberOf(row);
    counts[number - 1] = (counts[number - 1] ?? 0) + 1;
    return number;
  });
  return { firsts, counts, numbers };
}
