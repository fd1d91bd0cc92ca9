/**
 * What a worker process counts of its jobs, by type and queue.
 *
 * Types come from the code, queues from clients: so many pairs are told apart and no more, however many
 * names there are. Counting is a lookup and an addition; nothing is sent anywhere.
 */
import type { Change, ClaimedJob } from "../store/store.ts";
import { Histogram, WAIT_SECONDS, WORK_SECONDS } from "./histogram.ts";

/** Pairs of type and queue; the rest is counted together as this queue. */
export const SERIES_MAX = 100;
export const OTHER = "other";

/** The counters of one pair. */
export class Series {
  readonly type: string;
  readonly queue: string;
  /** Handlers running. */
  active = 0;
  processed = 0;
  failed = 0;
  retried = 0;
  dead = 0;
  crashed = 0;
  fenced = 0;
  snoozed = 0;
  readonly wait: Histogram = new Histogram(WAIT_SECONDS);
  readonly execution: Histogram = new Histogram(WORK_SECONDS);

  constructor(type: string, queue: string) {
    this.type = type;
    this.queue = queue;
  }
}

type Named = Pick<ClaimedJob, "type" | "queue">;

/** All pairs of a process. */
export class JobStats {
  readonly #byType = new Map<string, Map<string, Series>>();
  /** In the order of their first jobs. */
  readonly all: Series[] = [];
  #runAt = "";
  #runAtMs = 0;

  /** A handler starts. @param now Wall time in milliseconds. */
  started(job: Named & Pick<ClaimedJob, "runAt">, now: number): void {
    const series = this.of(job);
    series.active++;
    series.wait.observe((now - this.#msOf(job.runAt)) / 1000);
  }

  /** It has ended, one way or another. */
  ended(job: Named, seconds: number): void {
    const series = this.of(job);
    series.active--;
    series.execution.observe(seconds);
  }

  /** What it led to has been committed; null: by its own transaction. */
  settled(job: Named, change: Pick<Change, "decision"> | null): void {
    const series = this.of(job);
    const event = change?.decision.event ?? "SUCCEED";
    if (event === "INTERRUPTED") return;
    series.processed++;
    if (event === "SNOOZE") series.snoozed++;
    if (event !== "FAIL") return;
    series.failed++;
    if (change?.decision.to === "retry") series.retried++;
    if (change?.decision.to === "dead_letter") series.dead++;
  }

  /** A sweep has taken it from a worker that is gone. */
  recovered(job: Named, { decision }: Pick<Change, "decision">): void {
    if (decision.event !== "LEASE_EXPIRED") return;
    const series = this.of(job);
    series.crashed++;
    if (decision.to === "dead_letter") series.dead++;
  }

  /** The counters of a job. */
  of({ type, queue }: Named): Series {
    return this.#byType.get(type)?.get(queue) ?? this.#add(type, queue);
  }

  #add(type: string, queue: string): Series {
    const name = this.all.length < SERIES_MAX ? queue : OTHER;
    const queues = this.#byType.get(type) ?? new Map<string, Series>();
    this.#byType.set(type, queues);
    const known = queues.get(name);
    if (known) return known;
    const series = new Series(type, name);
    queues.set(name, series);
    this.all.push(series);
    return series;
  }

  /** Jobs that were stored together come due together: the same text, most of the time. */
  #msOf(runAt: string): number {
    if (runAt !== this.#runAt) {
      this.#runAt = runAt;
      this.#runAtMs = Date.parse(runAt);
    }
    return this.#runAtMs;
  }
}
