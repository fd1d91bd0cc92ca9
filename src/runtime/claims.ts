/**
 * Claims on their way: each under a lease of its own, made before it is sent, so that one whose answer is
 * lost can be looked up.
 */
import type { Clock } from "../core/clock.ts";
import { UnknownResultError } from "../core/errors.ts";
import { newId } from "../core/id.ts";
import type {
  ClaimedJob,
  ClaimRequest,
  GateStore,
  LaneRequest,
  LimitedClaim,
  WorkStore,
} from "../store/store.ts";
import { ClaimTime } from "./claim_time.ts";
import type { Gates } from "./gates.ts";
import type { Leases } from "./leases.ts";
import type { WorkerStats } from "./stats.ts";

/** What sending claims needs. */
export interface ClaimsHost {
  readonly store: WorkStore & { readonly gates: GateStore };
  readonly clock: Clock;
  readonly worker: string;
  readonly leaseMs: number;
  readonly leases: Leases;
  readonly stats: WorkerStats;
  /** Starts per minute of a tenant that has no rate of its own; null: any number. */
  readonly tenantRate?: number | null;
  readonly gates: Pick<Gates, "change" | "note">;
  readonly onAnswer: () => void;
  /** `isKept`: handlers were kept for them. */
  readonly onJobs: (jobs: readonly ClaimedJob[], isKept: boolean) => void;
}

/** The claims of one process. */
export class Claims {
  readonly #host: ClaimsHost;
  /** Those whose answer was lost, by lease: they may have been committed. */
  readonly #inDoubt = new Map<string, number>();
  readonly #pastGates = new ClaimTime();

  constructor(host: ClaimsHost) {
    this.#host = host;
  }

  /** The last change of gates that is known here. */
  get gateChange(): string | null {
    return this.#host.gates.change;
  }

  /** Milliseconds of work that a claim past gates is asked for. */
  get pastGatesMs(): number {
    return this.#pastGates.aheadMs(this.#host.clock.monotonic());
  }

  /** In lanes without limits. */
  async claim(
    lanes: readonly LaneRequest[],
    limit: number,
    alone = false,
  ): Promise<readonly ClaimedJob[]> {
    const { store } = this.#host;
    const { gateChange } = this;
    const { jobs } = await this.#send({ lanes, limit, alone, gateChange }, async (request) => {
      return { jobs: await store.claim(request), closed: [], cut: [] };
    });
    return jobs;
  }

  /** In lanes that have to pass gates. */
  async claimPastGates(
    lanes: readonly LaneRequest[],
    limit: number,
    alone: boolean,
  ): Promise<LimitedClaim> {
    const { store, clock, gates, tenantRate = null } = this.#host;
    const askedAt = clock.monotonic();
    const claim = await this.#send({ lanes, limit, alone }, (request) => {
      return store.gates.claim({ ...request, tenantRate, only: null });
    });
    const now = clock.monotonic();
    this.#pastGates.note(now - askedAt, claim.closed.some(({ why }) => why === "slots"), now);
    gates.note(claim.closed, askedAt);
    return claim;
  }

  /** Asks what became of claims whose answer was lost, until there is one or the lease is over. */
  async settleDoubts(): Promise<void> {
    const { store, clock, leaseMs } = this.#host;
    for (const [leaseId, askedAt] of [...this.#inDoubt]) {
      const isOver = clock.monotonic() - askedAt > leaseMs;
      const jobs = isOver ? [] : await store.leased(leaseId);
      this.#inDoubt.delete(leaseId);
      this.accept(jobs, leaseId, askedAt);
    }
  }

  async #send(
    asked: Pick<ClaimRequest, "lanes" | "limit" | "alone" | "gateChange">,
    send: (request: ClaimRequest) => Promise<LimitedClaim>,
  ): Promise<LimitedClaim> {
    const { worker, leaseMs, clock } = this.#host;
    // Begun before the claim is sent: our own idea of the lease can only end too early.
    const askedAt = clock.monotonic();
    const request = { ...asked, leaseId: newId(), worker, leaseMs };
    this.#inDoubt.set(request.leaseId, askedAt);
    const claim = await send(request).catch((error) => {
      // Anything but a lost answer means that nothing was claimed.
      if (!(error instanceof UnknownResultError)) this.#inDoubt.delete(request.leaseId);
      throw error;
    });
    this.#inDoubt.delete(request.leaseId);
    this.#host.stats.claimTime.observe((clock.monotonic() - askedAt) / 1000);
    this.accept(claim.jobs, request.leaseId, askedAt);
    return claim;
  }

  /** The answer to what was claimed by other means was lost: it is asked for as those are. */
  doubt(leaseId: string, askedAt: number): void {
    this.#inDoubt.set(leaseId, askedAt);
  }

  /** Takes over the jobs of a lease. */
  accept(
    jobs: readonly ClaimedJob[],
    leaseId: string,
    askedAt: number,
    isKept = false,
  ): void {
    const { leases, stats, onAnswer, onJobs } = this.#host;
    onAnswer();
    if (jobs.length === 0) return;
    stats.claimed += jobs.length;
    leases.open(leaseId, jobs.length, askedAt);
    onJobs(jobs, isKept);
  }
}
