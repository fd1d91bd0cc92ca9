/**
 * The leases this process holds, and how long it may believe in them.
 *
 * The database alone decides when a lease is over. The local deadline counts on a monotonic clock
 * from before the claim was sent, so it can only be earlier: a worker that was stopped for a while
 * finds out by itself, and starts nothing on a lease that is gone.
 */
import type { Clock } from "../core/clock.ts";
import { UnavailableError } from "../core/errors.ts";
import type { WorkStore } from "../store/store.ts";

interface Lease {
  deadline: number;
  jobsLeft: number;
}

/** What a heartbeat found. */
export interface Heartbeat {
  /** Leases that others have taken over, or that are over by our own clock. */
  readonly lost: readonly string[];
  /** Why those are lost. */
  readonly cause: "lease_lost" | "unavailable";
  /** Jobs that somebody wants cancelled. */
  readonly cancels: readonly string[];
}

/** Leases by id. */
export class Leases {
  readonly #leases = new Map<string, Lease>();

  constructor(
    private readonly store: WorkStore,
    private readonly clock: Clock,
    private readonly worker: string,
    private readonly leaseMs: number,
  ) {}

  /** @param askedAt Monotonic instant before the claim was sent. */
  open(leaseId: string, jobs: number, askedAt: number): void {
    this.#leases.set(leaseId, { deadline: askedAt + this.leaseMs, jobsLeft: jobs });
  }

  /** One job of the lease has been settled. */
  settle(leaseId: string): void {
    const lease = this.#leases.get(leaseId);
    if (lease && --lease.jobsLeft <= 0) this.#leases.delete(leaseId);
  }

  /** Whether the lease is surely still ours at the monotonic instant `now`. */
  isHeld(leaseId: string, now: number): boolean {
    const lease = this.#leases.get(leaseId);
    return lease !== undefined && now < lease.deadline;
  }

  /** One statement for all leases of the process. Without an answer, the local deadlines decide. */
  async renew(): Promise<Heartbeat> {
    const asked = [...this.#leases.keys()];
    if (asked.length === 0) return { lost: [], cause: "lease_lost", cancels: [] };
    const askedAt = this.clock.monotonic();
    try {
      const { renewed, cancels } = await this.store.renew(this.worker, asked, this.leaseMs);
      for (const id of renewed) {
        const lease = this.#leases.get(id);
        if (lease) lease.deadline = askedAt + this.leaseMs;
      }
      const kept = new Set(renewed);
      // One that was settled meanwhile is missing for a good reason.
      const lost = asked.filter((id) => !kept.has(id) && this.#leases.has(id));
      for (const id of lost) this.#leases.delete(id);
      return { lost, cause: "lease_lost", cancels };
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      return { lost: this.#dropOverdue(), cause: "unavailable", cancels: [] };
    }
  }

  #dropOverdue(): string[] {
    const now = this.clock.monotonic();
    const overdue = [...this.#leases.keys()].filter((id) => !this.isHeld(id, now));
    for (const id of overdue) this.#leases.delete(id);
    return overdue;
  }
}
