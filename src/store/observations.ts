/** The port's part for those who watch: what the database holds, and how it is used. */
import type { JobState } from "../../machines/job.ts";

/** A look at the database. Ages in seconds; 0: nothing is late. */
export interface Observed {
  readonly jobs: readonly {
    readonly queue: string;
    readonly state: JobState;
    readonly count: number;
  }[];
  /** Per queue with due jobs, how long the oldest has been due; the latest first. */
  readonly backlog: readonly { readonly queue: string; readonly seconds: number }[];
  /** Mail of actors that is due, up to a bound. */
  readonly mail: number;
  readonly oldestMailSeconds: number;
  readonly oldestTimerSeconds: number;
  /** Of schedules: how long ago the earliest fire time should have been. */
  readonly oldestFireSeconds: number;
  /** Letters of SQL callers, up to a bound. */
  readonly inbox: number;
  readonly oldestTransactionSeconds: number;
  readonly leases: number;
  /** Dead rows per table that is written all the time, 0 to 1. */
  readonly deadRatios: readonly (readonly [table: string, ratio: number])[];
}

/** The connections of this process. */
export interface PoolUse {
  readonly open: number;
  /** With a statement under way. */
  readonly busy: number;
  readonly max: number;
  /** Statements under way or waiting for their turn. */
  readonly calls: number;
  /** Times that an answer did not come in time, and all connections were cut. */
  readonly deadlines: number;
}

/** Reads what operators watch. */
export interface ObserveStore {
  readonly pool: PoolUse;
  /** @throws {UnavailableError} */
  observe(): Promise<Observed>;
}
