/** Counts by state and queue: from counter rows, by the stream, with a short memory for sparklines. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { systemClock } from "../../core/clock.ts";
import type { Count } from "./resources.ts";
import { follow } from "./api.ts";

/** So many samples make a sparkline. */
const KEPT = 60;

/** What the fleet looked like at one instant. */
export interface Sample {
  readonly at: number;
  readonly byState: ReadonlyMap<string, number>;
}

/** The latest counts; null: not told yet. */
export const counts = signal<readonly Count[] | null>(null);
/** Samples, oldest first. */
export const samples = signal<readonly Sample[]>([]);

/** Follows the counts as long as the page is there. */
export function useCounts(): void {
  useEffect(() => follow<{ counts: readonly Count[] }>(() => "", { counts: take }), []);
}

function take(data: readonly Count[]): void {
  counts.value = data;
  const sample = { at: systemClock.now(), byState: sumBy(data, ({ state }) => state) };
  samples.value = [...samples.value, sample].slice(-KEPT);
}

/** Sums of groups. */
export function sumBy(data: readonly Count[], key: (count: Count) => string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const each of data) sums.set(key(each), (sums.get(key(each)) ?? 0) + each.count);
  return sums;
}

/** How fast a state's count grows, per second, over the samples of the last minute. */
export function rateOf(state: string): number | null {
  const [first, last] = [samples.value[0], samples.value.at(-1)];
  if (!first || !last || last.at - first.at < 1_000) return null;
  const grown = (last.byState.get(state) ?? 0) - (first.byState.get(state) ?? 0);
  return Math.max(0, grown) / ((last.at - first.at) / 1_000);
}
