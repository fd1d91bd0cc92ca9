/** A metric as data: from the same list come the text for Prometheus, OTLP, and docs/metrics.md. */
import type { WorkerStats } from "../runtime/stats.ts";
import type { Histogram } from "../runtime/histogram.ts";
import type { PoolUse } from "../store/store.ts";
import type { HttpStats } from "./http_stats.ts";
import type { Look } from "./watcher.ts";

/** What a process can tell at one moment. */
export interface Reading {
  /** Of a worker. */
  readonly worker:
    | { readonly stats: WorkerStats; readonly state: string; readonly turns: number }
    | null;
  /** Of an API. */
  readonly http: HttpStats | null;
  readonly pool: PoolUse;
  /** Null: the database does not answer. */
  readonly database: Look | null;
  readonly failedLooks: number;
  readonly lagSeconds: number;
}

/** A value, or a histogram, under the values of its labels. */
export interface Sample<V = number | Histogram> {
  readonly labels: readonly string[];
  readonly value: V;
}

interface Named {
  /** With its unit, as Prometheus has it. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Which process has it. */
  readonly of: "worker" | "api" | "both";
}

/** One metric. Its samples are at most as many as its label sets, which are bounded. */
export type Metric =
  | Named & {
    readonly kind: "counter" | "gauge";
    readonly read: (reading: Reading) => readonly Sample<number>[];
  }
  | Named & {
    readonly kind: "histogram";
    readonly read: (reading: Reading) => readonly Sample<Histogram>[];
  };
