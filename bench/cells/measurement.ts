/** One measured number, and what it cost. */

/** What was measured in one cell of one round. */
export interface Measurement {
  /** Jobs per second, or milliseconds where less is better. */
  readonly unit: "jobs/s" | "ms";
  readonly value: number;
  readonly jobs: number;
  /** CPU microseconds per job of the database (or Redis) and of the worker processes. */
  readonly databaseUs?: number;
  readonly workerUs?: number;
  readonly walBytes?: number;
  /** Cores that others used meanwhile. */
  readonly otherCores?: number;
  /** Milliseconds. */
  readonly p50?: number;
  readonly p95?: number;
  readonly p99?: number;
}

/** A measurement and where it belongs. */
export interface Cell extends Measurement {
  readonly workload: string;
  readonly contestant: string;
  readonly round: number;
}

/** The value below which a share of the samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[
    Math.min(sorted.length - 1, Math.floor(share * sorted.length))
  ] ?? NaN;
}

/** Lower median. NaN of nothing. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) >> 1] ?? NaN;
}

/** 50, 95 and 99 percent of the samples, milliseconds. */
export function percentiles(samples: readonly number[]) {
  const at = (share: number) => round(percentile(samples, share), 2);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** To so many decimals. */
export function round(value: number, decimals = 0): number {
  return Number(value.toFixed(decimals));
}
