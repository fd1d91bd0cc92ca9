/** Names that come nearest to one that is not there. */

const NEAR_MAX = 4;

/** Edits from one text to the other: Levenshtein's distance, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The nearest, best first; those that have hardly a letter in common are left out. */
export function nearest(wanted: string, names: readonly string[]): string[] {
  const short = wanted.slice(0, 60).toLowerCase();
  return names
    .map((name) => ({ name, edits: distance(short, name.slice(0, 60).toLowerCase()) }))
    .filter(({ name, edits }) => edits <= Math.max(2, Math.max(short.length, name.length) * .6))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, NEAR_MAX)
    .map(({ name }) => name);
}
