/**
 * Jobs that are started by the process that stores them: stored as claimed, they begin right after the
 * commit, without a hint and a claim; alone, or with the turns of actors that ask for them.
 *
 * Only where nothing is passed over by it: in lanes that a claim has just found empty, while handlers
 * are free. What does not fit goes the ordinary way.
 */
import type { Clock } from "../core/clock.ts";
import { UnknownResultError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import type { JobInsert } from "../core/job.ts";
import type { ClaimedJob, Lane, Start, Store } from "../store/store.ts";
import type { Claims } from "./claims.ts";
import { lanesOf } from "./preparing.ts";
import type { Runner } from "./runner.ts";
import type { WorkerStats } from "./stats.ts";

/** What takes jobs on. */
export interface HandOffHost {
  readonly store: Pick<Store, "enterStarted" | "within">;
  readonly clock: Clock;
  readonly worker: string;
  readonly leaseMs: number;
  /** The last change of gates that is known here. */
  gateChange(): string | null;
  /** Keeps `count` handlers free; false: there are not so many. */
  reserve(count: number): boolean;
  /** They are free again, or taken by jobs that have been accepted. */
  release(count: number): void;
  /** Handlers that are free. */
  free(): number;
  /** Keeps the handler of a job that has just ended for what follows it; false: nothing may. */
  keep(): boolean;
  /** So many of those are free again. */
  unkeep(count: number): void;
  /** It serves the lane, and has just found nothing in it. */
  isIdle(lane: Lane): boolean;
  /** It serves the lane, and knows of nothing that waits in it. */
  isOpen(lane: Lane): boolean;
  /** It serves the lane, and no limit holds it, whatever waits in it. */
  serves(lane: Lane): boolean;
  /** @param isKept They begin on handlers that were kept for them. */
  accept(
    jobs: readonly ClaimedJob[],
    leaseId: string,
    askedAt: number,
    isKept?: boolean,
  ): void;
  /** The answer was lost: they may be under this lease. */
  doubt(leaseId: string, askedAt: number): void;
}

/** Handlers for jobs that are stored with something else. Ends with `accept` or `withdraw`. */
export interface Offer extends Start {
  /** They are stored, and begin. */
  accept(jobs: readonly ClaimedJob[]): void;
  /** The statement failed. */
  withdraw(error: unknown): void;
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
      const gateChange = this.#host.gateChange();
      const jobs = await store.enterStarted(rows, { leaseId, worker, leaseMs, gateChange });
      if (jobs) this.#host.accept(jobs, leaseId, askedAt);
      return jobs;
    } catch (error) {
      if (error instanceof UnknownResultError) this.#host.doubt(leaseId, askedAt);
      throw error;
    } finally {
      this.#host.release(rows.length);
    }
  }

  /** Handlers for as many of these jobs as may start at once; null: for none. */
  offer(rows: readonly JobInsert[]): Offer | null {
    const open = rows.filter((row) => lanesOf([row]).every((lane) => this.#host.isOpen(lane)));
    const jobs = open.slice(0, this.#host.free());
    if (jobs.length === 0 || !this.#host.reserve(jobs.length)) return null;
    const { accept, withdraw, ...lease } = this.#lease(false);
    const done = () => this.#host.release(jobs.length);
    return {
      ...lease,
      jobs: new Set(jobs.map(({ id }) => id)),
      accept: (started) => (done(), accept(started)),
      withdraw: (error) => (done(), withdraw(error)),
    };
  }

  /** A lease for jobs that begin on handlers kept by `keep`. */
  offerKept(): Omit<Offer, "jobs"> {
    return this.#lease(true);
  }

  /** Keeps the handler of a job that has just ended; false: nothing may follow it here. */
  keep(): boolean {
    return this.#host.keep();
  }

  unkeep(count: number): void {
    if (count > 0) this.#host.unkeep(count);
  }

  /** Whether these jobs may follow on a kept handler. @param ahead Of what waits in their lanes, too. */
  mayFollow(rows: readonly JobInsert[], ahead: boolean): boolean {
    const may = (lane: Lane) => ahead ? this.#host.serves(lane) : this.#host.isOpen(lane);
    return lanesOf(rows).every(may);
  }

  #lease(isKept: boolean): Omit<Offer, "jobs"> {
    const { clock, worker, leaseMs } = this.#host;
    const [leaseId, askedAt] = [newId(), clock.monotonic()];
    return {
      ...{ leaseId, worker, leaseMs, gateChange: this.#host.gateChange() },
      accept: (jobs) => this.#host.accept(jobs, leaseId, askedAt, isKept),
      withdraw: (error) => {
        if (error instanceof UnknownResultError) this.#host.doubt(leaseId, askedAt);
      },
    };
  }
}

/** What a claimer knows of its lanes and handlers. */
interface Surroundings
  extends Pick<HandOffHost, "store" | "clock" | "worker" | "leaseMs" | "isIdle"> {
  readonly runner: Runner;
  readonly stats: WorkerStats;
  readonly jobsMax?: number;
  readonly claims: Claims;
  /** Neither stopping nor waiting to be alone. */
  readonly mayStart: () => boolean;
  /** Its jobs may run here, and no limit holds them. */
  readonly serves: (lane: Lane) => boolean;
  readonly isQuiet: (lane: Lane) => boolean;
  readonly onDoubt: () => void;
}

/** The host of a hand-off beside a claimer. */
export function handOffHost(of: Surroundings): HandOffHost {
  const { store, clock, worker, leaseMs, runner, stats, claims, jobsMax = Infinity } = of;
  return {
    ...{ store, clock, worker, leaseMs },
    gateChange: () => claims.gateChange,
    free: () => of.mayStart() ? Math.min(runner.free(), jobsMax - stats.claimed) : 0,
    reserve: (count) => of.mayStart() && runner.reserve(count),
    release: (count) => runner.release(count),
    keep: () => of.mayStart() && stats.claimed < jobsMax && runner.keep(),
    unkeep: (count) => runner.unkeep(count),
    isIdle: (lane) => of.serves(lane) && of.isIdle(lane),
    isOpen: (lane) => of.serves(lane) && of.isQuiet(lane),
    serves: of.serves,
    // What runs from here on is the worker's, whoever has asked for it.
    accept: (jobs, leaseId, askedAt, isKept) =>
      store.within(null, () => claims.accept(jobs, leaseId, askedAt, isKept)),
    doubt: (leaseId, askedAt) => {
      claims.doubt(leaseId, askedAt);
      of.onDoubt();
    },
  };
}
