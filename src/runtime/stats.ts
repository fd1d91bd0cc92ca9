/** What a worker process counts: read by health, metrics and log lines. */

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
}
