/** A load in figures: percentiles of what took how long, and how much in each second. */
import type { Sent } from "./arrivals.ts";
import type { Ended } from "./outcome.ts";

/** Milliseconds by percentile. */
export type Percentiles = readonly (readonly [percent: number, ms: number])[];

/** What a load has shown. */
export interface Report {
  readonly arrived: number;
  readonly taken: number;
  readonly ended: number;
  readonly states: ReadonlyMap<string, number>;
  /** From when it was to be sent to its answer; from stored to started; from stored to ended. */
  readonly latencies: Readonly<Record<"enqueue" | "wait" | "end to end", Percentiles>>;
  /** Jobs of each second. */
  readonly perSecond: Readonly<Record<"arrived" | "taken" | "ended", readonly number[]>>;
}

const PERCENTS = [50, 75, 90, 95, 99, 99.9, 100] as const;

/** Nearest-rank percentiles of values in any order; none of nothing. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return [];
  return PERCENTS.map((percent) => {
    const rank = Math.max(1, Math.ceil(percent / 100 * sorted.length));
    return [percent, sorted[rank - 1] ?? 0] as const;
  });
}

/** How many fall into each second, from the first to the last. */
export function countsPerSecond(times: readonly number[]): number[] {
  const counts: number[] = [];
  for (const at of times) {
    const second = Math.max(0, Math.floor(at / 1000));
    while (counts.length <= second) counts.push(0);
    counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}

/** Puts it together. */
export function reportOf(sent: readonly Sent[], ended: readonly Ended[]): Report {
  const taken = sent.filter(({ id }) => id !== null);
  const states = new Map<string, number>();
  for (const { state } of ended) states.set(state, (states.get(state) ?? 0) + 1);
  const first = ended.reduce((least, job) => Math.min(least, job.createdAt), Infinity);
  return {
    arrived: sent.length,
    taken: taken.length,
    ended: ended.length,
    states,
    latencies: {
      enqueue: percentilesOf(taken.map(({ tookMs }) => tookMs)),
      wait: percentilesOf(ended.map((job) => job.startedAt - job.createdAt)),
      "end to end": percentilesOf(ended.map((job) => job.finishedAt - job.createdAt)),
    },
    perSecond: {
      arrived: countsPerSecond(sent.map(({ at }) => at)),
      taken: countsPerSecond(taken.map(({ at, tookMs }) => at + tookMs)),
      ended: countsPerSecond(ended.map((job) => job.finishedAt - first)),
    },
  };
}

/** The report as lines of text. */
export function textOf(report: Report, seconds: number): string {
  const { arrived, taken, ended, states, latencies } = report;
  const rate = (count: number) => `${(count / seconds).toFixed(1)}/s`;
  const counted = [...states].map(([state, count]) => `${count} ${state}`).join(", ");
  const head = `latency, ms  ${
    PERCENTS.map((p) => `${p === 100 ? "max" : `p${p}`}`.padStart(9)).join("")
  }`;
  const rows = Object.entries(latencies).map(([name, percentiles]) =>
    name.padEnd(13) + percentiles.map(([, ms]) => ms.toFixed(1).padStart(9)).join("")
  );
  return [
    `arrived ${arrived} (${rate(arrived)}), taken ${taken}, not taken ${arrived - taken}`,
    `ended ${ended} (${rate(ended)}): ${counted || "none"}`,
    head,
    ...rows,
  ].join("\n");
}
