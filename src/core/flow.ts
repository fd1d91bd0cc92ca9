/** How instances go through a machine: what heat maps, throughput and delays are made of. */

/** One way that was taken in the time that was looked at. */
export interface Move {
  /** Null: it was new. */
  readonly from: string | null;
  /** Null: not told; jobs are counted by their states alone. */
  readonly event: string | null;
  readonly to: string;
  readonly count: number;
  readonly failed: number;
}

/** How long a state lasted, in milliseconds. */
export interface Dwell {
  readonly state: string;
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What happened from `at` on, for the seconds of a bucket. */
export interface Bucket {
  readonly at: string;
  readonly count: number;
  readonly failed: number;
}

/** The flow through one machine. */
export interface Flow {
  /** What was asked for, and how much of it was looked at: less, where there was too much. */
  readonly windowMs: number;
  readonly coveredMs: number;
  readonly bucketMs: number;
  readonly moves: readonly Move[];
  readonly dwells: readonly Dwell[];
  /** Those that have waited longer than the p99 of their state. */
  readonly stuck: readonly { readonly state: string; readonly count: number }[];
  readonly buckets: readonly Bucket[];
  /** Since when the oldest job is due, in milliseconds; null: none, or no jobs. */
  readonly oldestMs: number | null;
}
