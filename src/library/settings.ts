/** Settings of a runtime inside another program; the same defaults as on the command line. */
import type { Backoff } from "../core/backoff.ts";
import type { WorkerOptions } from "../runtime/worker.ts";

/** All of them. Durations in milliseconds. */
export interface RuntimeSettings extends
  Pick<
    WorkerOptions,
    | "concurrency"
    | "batchSize"
    | "pollMs"
    | "leaseMs"
    | "sweepMs"
    | "shutdownMs"
    | "queues"
    | "partitionKey"
  > {
  /** Starts per minute of a tenant that has no rate of its own; null: any number. */
  readonly tenantRate: number | null;
  readonly maxAttempts: number;
  readonly maxCrashes: number;
  readonly backoff: Backoff;
}

const defaults: RuntimeSettings = {
  concurrency: 100,
  batchSize: 1_000,
  pollMs: 1_000,
  leaseMs: 30_000,
  sweepMs: 10_000,
  shutdownMs: 10_000,
  queues: null,
  partitionKey: null,
  tenantRate: null,
  maxAttempts: 3,
  maxCrashes: 3,
  backoff: { baseMs: 1_000, factor: 2, capMs: 300_000 },
};

/** What is given, and the defaults for the rest. Keys that are none of these are for others. */
export function withDefaults(given: Partial<RuntimeSettings>): RuntimeSettings {
  const known = Object.keys(defaults);
  const named = Object.entries(given).filter(([key, value]) =>
    known.includes(key) && value !== undefined
  );
  return { ...defaults, ...Object.fromEntries(named) };
}
