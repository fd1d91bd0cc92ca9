/** What operators do to many jobs at once: sweep, retry what failed. */
import { PerduraError, UnavailableError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import type { FailedFilter, JobName, Tenant } from "../core/listing.ts";
import type { JobState } from "../../machines/job.ts";
import type { Jobs } from "./jobs.ts";
import { Operations, type Progress } from "./operations.ts";
import { sweep, type SweepReport } from "./sweeper.ts";

const PAGE = 200;
const AT_ONCE = 8;
const AWAY_TRIES = 60;
const AWAY_PAUSE_MS = 1_000;

/** Live jobs that failed: RETRY_NOW brings them back. Those that only wait for their time did not. */
const failedStates: readonly JobState[] = ["retry"];

/** Which failed jobs to retry; what is null is not asked about. */
export type RetryChoice = Omit<FailedFilter, "liveStates">;

/** The operator's side of the runtime. */
export class Admin {
  readonly operations: Operations;
  readonly #jobs: Jobs;

  constructor(jobs: Jobs) {
    this.#jobs = jobs;
    this.operations = new Operations(jobs.host.clock);
  }

  /** Recovers expired leases now, and wakes every worker to claim. */
  async sweep(): Promise<SweepReport> {
    const { store, clock } = this.#jobs.host;
    const report = await sweep({ store, clock, sweeper: newId() });
    store.hint({ kind: "lanes", lanes: [] });
    return report;
  }

  /** Tenants by name, after one. */
  tenants(after: string, limit: number): Promise<Tenant[]> {
    return this.#jobs.host.store.tenants(after, limit);
  }

  /**
   * Brings back what failed up to now, as an operation: dead letters from the beginning, jobs that
   * wait for their next attempt at once. Cancelled ones never. `dryRun`: counts only.
   */
  async retryFailed(
    choice: RetryChoice,
    dryRun: boolean,
  ): Promise<{ operationId: string | null; matched: number }> {
    const { store } = this.#jobs.host;
    const filter: FailedFilter = { ...choice, liveStates: failedStates };
    const { matched, at } = await store.countFailed(filter);
    if (dryRun) return { operationId: null, matched };
    // What fails from now on is another failure, and not asked for.
    const frozen = { ...filter, to: filter.to !== null && filter.to < at ? filter.to : at };
    const work = (progress: Progress) => this.#retryAll(frozen, progress);
    return { operationId: this.operations.start("retry-failed", matched, work).id, matched };
  }

  async #retryAll(filter: FailedFilter, progress: Progress): Promise<void> {
    let after: JobName | null = null;
    while (true) {
      const page: JobName[] = await whileAway(() =>
        this.#jobs.host.store.failed(filter, after, PAGE)
      );
      for (let i = 0; i < page.length; i += AT_ONCE) {
        await Promise.all(page.slice(i, i + AT_ONCE).map((name) => this.#retry(name, progress)));
      }
      after = page.at(-1) ?? null;
      if (page.length < PAGE) return;
    }
  }

  async #retry({ tenantId, id }: JobName, progress: Progress): Promise<void> {
    try {
      if (await whileAway(() => this.#bringBack(tenantId, id))) progress.done();
      else progress.skipped();
    } catch (error) {
      // It moved on, its key is taken: that one stays where it is.
      if (!(error instanceof PerduraError) || error instanceof UnavailableError) throw error;
      progress.skipped();
    }
  }

  async #bringBack(tenantId: string, id: string): Promise<boolean> {
    const { state, version } = await this.#jobs.get(tenantId, id);
    const isWaiting = failedStates.includes(state);
    // Somebody cancelled it, or it runs: that is not what was asked for.
    if (!isWaiting && state !== "dead_letter") return false;
    const type = isWaiting ? "RETRY_NOW" : "REQUEUE";
    await this.#jobs.send(id, { type }, { tenantId, ifVersion: version, cause: "retry-failed" });
    return true;
  }
}

/** Tries again while the database is away, for a minute. */
async function whileAway<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UnavailableError) || tries === AWAY_TRIES) throw error;
      await new Promise((done) => setTimeout(done, AWAY_PAUSE_MS));
    }
  }
}
