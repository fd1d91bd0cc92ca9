/** What a worker is made with. */
import type { Backoff } from "../core/backoff.ts";
import type { Clock, Random } from "../core/clock.ts";
import type { Store } from "../store/store.ts";
import type { Handlers } from "./handlers.ts";
import type { CountDefaults, RetryDefaults } from "./preparing.ts";
import type { Turner } from "./turner.ts";

/** Settings of a worker. Durations in milliseconds. */
export interface WorkerOptions {
  readonly store: Store;
  readonly handlers: Handlers;
  readonly clock: Clock;
  readonly random: Random;
  readonly concurrency: number;
  readonly batchSize: number;
  readonly pollMs: number;
  readonly leaseMs: number;
  readonly sweepMs: number;
  readonly shutdownMs: number;
  readonly backoff: Backoff;
  /** Only these queues; null: all. */
  readonly queues: readonly string[] | null;
  /** Only this partition; null: all. */
  readonly partitionKey: string | null;
  /** For jobs that come in by SQL. */
  readonly defaults: CountDefaults;
  /** Claims no more than these in its life. Default: no limit. */
  readonly jobsMax?: number;
  /** Starts per minute of a tenant that has no rate of its own. Default null: any number. */
  readonly tenantRate?: number | null;
  /** Listens for hints. Default true; without, it finds work by polling. */
  readonly hasHints?: boolean;
  /** Makes turns of actors, too; the handlers of their activities are among `handlers`. */
  readonly turner?: Turner | undefined;
}

/** The same, with all that jobs go by which a worker makes itself. */
export function withRetries<Options extends Pick<WorkerOptions, "defaults" | "backoff">>(
  options: Options,
): Options & { readonly defaults: RetryDefaults } {
  const { defaults, backoff } = options;
  return { ...options, defaults: { ...defaults, backoff } };
}
