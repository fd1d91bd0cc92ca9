/** What a worker process counts: read by health, metrics and log lines. */
import { Histogram, WORK_SECONDS } from "./histogram.ts";
import { JobStats } from "./job_stats.ts";

/** Counters since the start of the process, and gauges of now. */
export class WorkerStats {
  claimed = 0;
  finished = 0;
  failed = 0;
  /** Late writes of this process that the version fence refused. */
  fenced = 0;
  interrupted = 0;
  recovered = 0;
  quarantined = 0;
  running = 0;
  buffered = 0;
  /** Endings on their way to the database. */
  unsettled = 0;
  /** Handlers that went on after they were told to stop and given up on. */
  abandoned = 0;
  /** Monotonic instant of the last claim that was answered. */
  lastClaimAt = -Infinity;
  /** Leases that were gone when they were renewed. */
  leasesLost = 0;
  readonly jobs: JobStats = new JobStats();
  /** From sending a claim to its answer, in seconds. */
  readonly claimTime: Histogram = new Histogram(WORK_SECONDS);
  /** From sending a batch of endings to its answer. */
  readonly commitTime: Histogram = new Histogram(WORK_SECONDS);
  readonly sweepTime: Histogram = new Histogram(WORK_SECONDS);
}
