/** What operators do to many jobs at once: sweep, retry what failed. */
import { newId } from "../core/id.ts";
import type { Tenant } from "../core/listing.ts";
import type { OperationFilter } from "../core/operation.ts";
import type { Jobs } from "./jobs.ts";
import { Operations } from "./operations.ts";
import { sweep, type SweepReport } from "./sweeper.ts";

/** Which failed jobs to retry. */
export type RetryChoice =
  & Pick<OperationFilter, "from" | "to" | "ids" | "type" | "error">
  & { readonly tenantId?: string | undefined };

/** The operator's side of the runtime. */
export class Admin {
  readonly operations: Operations;
  readonly #jobs: Jobs;

  constructor(jobs: Jobs) {
    this.#jobs = jobs;
    this.operations = new Operations(jobs.host);
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
   * Brings back what has failed up to now, as an operation: dead letters from the beginning, jobs that
   * wait for their next attempt at once. Cancelled ones never. `dryRun`: counts only.
   */
  async retryFailed(
    { tenantId, ...filter }: RetryChoice,
    dryRun: boolean,
  ): Promise<{ operationId: string | null; matched: number }> {
    const request = { action: "retry", filter, tenantId, dryRun } as const;
    if (dryRun) {
      const { matched } = await this.operations.foresee(request);
      return { operationId: null, matched };
    }
    const options = { cause: "retry-failed", mayBeEmpty: true };
    const { id, matched } = await this.operations.start(request, options);
    return { operationId: id, matched };
  }
}
