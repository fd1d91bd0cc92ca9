/**
 * Brings back what died: finds leases that are over, rehydrates each job's machine, sends it
 * `LEASE_EXPIRED` (or the `CANCEL` that somebody was waiting for), and commits what it decides.
 *
 * Any process may sweep; there is no leader and no job in a queue that could itself get stuck. Two
 * sweepers that meet do no harm: version and expiry are checked again inside the update. A job that
 * cannot be moved is marked, and the sweep goes on.
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import { allInTurn } from "../core/in_turn.ts";
import { transition } from "../core/lifecycle.ts";
import { GRACE_MS } from "../core/limits.ts";
import type {
  Change,
  ExpiredJob,
  Refusal,
  RetentionStore,
  SweepStore,
  WorkStore,
} from "../store/store.ts";
import { cancelledError } from "./endings.ts";
import type { JobStats } from "./job_stats.ts";

const log = getLogger(["perdura", "sweeper"]);

const LEASES_PER_ROUND = 20;
const ROUNDS_MAX = 100;
const CANCELS_MAX = 1000;

/** What one sweep did. */
export interface SweepReport {
  /** Jobs brought out of expired leases and overdue cancels. */
  readonly recovered: number;
  readonly quarantined: number;
  /** Recovered jobs that are due again. */
  readonly due: number;
}

/** What a sweep needs. `sweeper` names it in the history. */
export interface SweepHost {
  readonly store: SweepStore & WorkStore & { readonly retention: RetentionStore };
  readonly clock: Clock;
  readonly sweeper: string;
  /** Told of what was moved, by type and queue. */
  readonly stats?: JobStats;
  /** Counted up by what was brought back, whatever becomes of the tidying. */
  readonly totals?: { recovered: number; quarantined: number };
  /** Some of it is due again. */
  readonly onDue?: () => void;
}

/**
 * One bounded sweep: expired leases, overdue cancels, then the tidying. What fails keeps nothing behind it from being
 * done; then it rejects.
 *
 * @param also Done last.
 */
export async function sweep(
  host: SweepHost,
  also: readonly (() => Promise<unknown> | undefined)[] = [],
): Promise<SweepReport> {
  const total = { recovered: 0, quarantined: 0, due: 0 };
  await allInTurn(
    () => recoverExpired(host, total),
    () => endOverdue(host, total),
    () => Promise.resolve(tell(host, total)),
    () => host.store.maintain(),
    () => retire(host),
    ...also,
  );
  if (total.recovered > 0) log.info("Recovered jobs of expired leases", { ...total });
  return total;
}

type Total = { -readonly [K in keyof SweepReport]: SweepReport[K] };

function tell({ totals, onDue }: SweepHost, { recovered, quarantined, due }: Total): void {
  if (totals) totals.recovered += recovered;
  if (totals) totals.quarantined += quarantined;
  if (due > 0) onDue?.();
}

async function recoverExpired(host: SweepHost, total: Total): Promise<void> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { leaseIds, jobs } = await host.store.expired(LEASES_PER_ROUND);
    if (leaseIds.length === 0) break;
    const changes = jobs.map((job) => changeOf(job, host.clock));
    const names = new Map(jobs.map((job, index) => [changes[index], job]));
    await settle(host, changes, await host.store.recover(host.sweeper, changes), total, names);
    await host.store.dropLeases(leaseIds);
    if (leaseIds.length < LEASES_PER_ROUND) break;
  }
}

async function endOverdue(host: SweepHost, total: Total): Promise<void> {
  const overdue = await host.store.overdueCancels(GRACE_MS, CANCELS_MAX);
  const changes = overdue.map((job) => changeOf(job, host.clock));
  await settle(host, changes, await host.store.commit(host.sweeper, changes), total);
}

async function retire(host: SweepHost): Promise<void> {
  const retired = await host.store.retention.enforce();
  if (retired > 0) log.info("Ended jobs are kept no longer", { retired });
}

/** Counts what was moved, and marks what the database refuses to move. */
async function settle(
  host: SweepHost,
  changes: readonly Change[],
  refusals: readonly Refusal[],
  total: Total,
  names: ReadonlyMap<Change | undefined, ExpiredJob> = new Map(),
): Promise<void> {
  const refused = new Set(refusals.map((refusal) => refusal.change));
  const moved = changes.filter((change) => !refused.has(change));
  total.recovered += moved.length;
  for (const change of moved) {
    const job = names.get(change);
    if (job) host.stats?.recovered(job, change);
  }
  if (moved.length > 0) await host.store.release(moved);
  total.due += moved.filter((change) => change.decision.due !== null).length;
  for (const { change, reason, message } of refusals) {
    if (reason !== "refused") continue;
    total.quarantined++;
    const { tenantId, id: jobId } = change;
    log.error("Job put in quarantine", { jobId, tenantId, reason: message });
    await host.store.quarantine(change, message ?? reason);
  }
}

function changeOf(job: ExpiredJob, clock: Clock): Change {
  const isCancel = job.context.cancelRequested;
  const event = isCancel ? { type: "CANCEL" } as const : { type: "LEASE_EXPIRED" } as const;
  const decision = transition({ state: job.state, context: job.context }, event);
  if (!decision.accepted) throw new Error(`A ${job.state} job under a lease refused ${event.type}`);
  const at = new Date(clock.now());
  const isPoison = decision.to === "dead_letter";
  return {
    tenantId: job.tenantId,
    id: job.id,
    version: job.version,
    attempt: job.context.attempt,
    leaseId: job.leaseId,
    decision,
    output: null,
    error: isCancel ? cancelledError(at) : {
      name: "LeaseExpired",
      message: isPoison
        ? `Its worker died ${decision.context.crashes} times while running it`
        : `Worker ${job.worker ?? "unknown"} stopped renewing its lease`,
      code: isPoison ? "poison" : "lease_expired",
      retryable: !isPoison,
      at: at.toISOString(),
    },
    cause: isCancel ? "grace_ended" : isPoison ? "poison" : `worker ${job.worker ?? "unknown"}`,
    cancelKnown: isCancel ? null : false,
  };
}
