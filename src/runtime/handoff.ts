/**
 * Jobs that are started by the process that stores them: stored as claimed, they begin right after the
 * commit, without a hint and a claim.
 *
 * Only where nothing is passed over by it: in lanes that a claim has just found empty, while handlers
 * are free. What does not fit goes the ordinary way.
 */
import type { Clock } from "../core/clock.ts";
import { UnknownResultError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import type { JobInsert } from "../core/job.ts";
import type { ClaimedJob, JobStore, Lane } from "../store/store.ts";
import { lanesOf } from "./preparing.ts";

/** What takes jobs on. */
export interface HandOffHost {
  readonly store: Pick<JobStore, "enterStarted">;
  readonly clock: Clock;
  readonly worker: string;
  readonly leaseMs: number;
  /** Keeps `count` handlers free; false: there are not so many. */
  reserve(count: number): boolean;
  /** They are free again, or taken by jobs that have been accepted. */
  release(count: number): void;
  /** It serves the lane, and has just found nothing in it. */
  isIdle(lane: Lane): boolean;
  accept(jobs: readonly ClaimedJob[], leaseId: string, askedAt: number): void;
  /** The answer was lost: they may be under this lease. */
  doubt(leaseId: string, askedAt: number): void;
}

/** Hands jobs to the worker of the same process. */
export class HandOff {
  readonly #host: HandOffHost;

  constructor(host: HandOffHost) {
    this.#host = host;
  }

  /**
   * Stores jobs and starts them; null: they are for the ordinary way, nothing was stored.
   *
   * @throws {UnknownResultError} They may be stored, and are then started as soon as that is known.
   */
  async enter(rows: readonly JobInsert[]): Promise<ClaimedJob[] | null> {
    const { store, clock, worker, leaseMs } = this.#host;
    const lanes = lanesOf(rows);
    if (lanes.length === 0 || !lanes.every((lane) => this.#host.isIdle(lane))) return null;
    if (!this.#host.reserve(rows.length)) return null;
    const leaseId = newId();
    // Begun before it is sent: our own idea of the lease can only end too early.
    const askedAt = clock.monotonic();
    try {
      const jobs = await store.enterStarted(rows, { leaseId, worker, leaseMs });
      if (jobs) this.#host.accept(jobs, leaseId, askedAt);
      return jobs;
    } catch (error) {
      if (error instanceof UnknownResultError) this.#host.doubt(leaseId, askedAt);
      throw error;
    } finally {
      this.#host.release(rows.length);
    }
  }
}
