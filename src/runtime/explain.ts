/** Why a job does not run: reasons in the order in which they would have to go away. */
import type { Clock } from "../core/clock.ts";
import { gatesOf, type GateState, gateText, gateTitle } from "../core/gate.ts";
import type { Breaker } from "../core/breaker.ts";
import type { BreakerStore } from "../store/store.ts";
import type { Job } from "../core/job.ts";
import { isTerminal, statesAccepting } from "../core/lifecycle.ts";
import { limits } from "../core/limits.ts";
import { uniqueKeyOf } from "../core/unique.ts";
import type { GateStore, OrderStore, UniqueStore, WorkerRow, WorkerStore } from "../store/store.ts";
import { lackOfWorkers } from "./explain_workers.ts";
import { turnOf } from "./ordering.ts";
import { lockKeyOf } from "./uniques.ts";

/** One reason. `until`: when it goes away by itself, RFC 3339; null: not known. */
export interface Reason {
  readonly code: string;
  readonly message: string;
  readonly until: string | null;
}

/** What explaining needs. */
export interface ExplainHost {
  readonly store: {
    readonly gates: GateStore;
    readonly order: OrderStore;
    readonly breakers: BreakerStore;
    readonly workers: WorkerStore;
    readonly uniques: Pick<UniqueStore, "holder">;
  };
  readonly clock: Clock;
  readonly defaults: { readonly tenantRate?: number | null };
}

const claimable = statesAccepting("CLAIM");

/** The reasons why a job is where it is; a running or ended job has its reason too. */
export async function explain(job: Job, host: ExplainHost): Promise<Reason[]> {
  const { store, clock, defaults } = host;
  if (isTerminal(job.state)) {
    return [because("ended", `The job has ended as ${job.state}`, null)];
  }
  if (!claimable.includes(job.state)) return explainRunning(job, clock);
  const gates = gatesOf(job);
  const [states, breakers, turn, workers, followed] = await Promise.all([
    store.gates.states(gates, limits.holdersMax, defaults.tenantRate ?? null),
    store.breakers.read(gates),
    turnOf(store, job),
    store.workers.list(),
    followedBy(job, store.uniques),
  ]);
  const inTheWay = [
    ...(turn === null ? [] : [because("ordering_key_blocked", turn, null)]),
    ...breakers.flatMap(reasonsOfBreaker),
    ...states.flatMap(reasonsOfGate),
  ];
  return explainWaiting(job, clock, inTheWay, workers, followed);
}

/** The job that must end before this one, which was sent with `runAgain` while that ran; null: none. */
async function followedBy(
  { tenantId, id, type, metadata }: Job,
  uniques: Pick<UniqueStore, "holder">,
): Promise<string | null> {
  const key = uniqueKeyOf(metadata);
  if (key === null) return null;
  const held = await uniques.holder(tenantId, lockKeyOf(type, key));
  return held?.jobId === id ? held.waitsFor : null;
}

function explainWaiting(
  job: Job,
  clock: Clock,
  ofGates: readonly Reason[],
  workers: readonly WorkerRow[],
  followed: string | null,
): Reason[] {
  const reasons: Reason[] = [];
  if (followed !== null) {
    const message = `Runs again after job ${followed}, which has the same unique key`;
    reasons.push(because("waits_for_job", message, null));
  } else if (Date.parse(job.runAt) > clock.now()) {
    const what = job.attempt > 0 && job.lastError ? "waits for its next attempt" : "is not due yet";
    reasons.push(because("not_due", `The job ${what}`, job.runAt));
  }
  reasons.push(...ofGates);
  const lack = lackOfWorkers(job, workers);
  if (lack) reasons.push(because(lack.code, lack.message, null));
  if (job.crashes > 0 && job.crashes >= job.maxCrashes - 1) {
    const message = "One more crash ends it: a worker must be free to run it alone";
    reasons.push(because("runs_alone", message, null));
  }
  if (reasons.length === 0) {
    const message = `Due since ${job.runAt}: the next free worker of its queue takes it`;
    reasons.push(because("waits_for_worker", message, null));
  }
  return reasons;
}

function reasonsOfBreaker({ gate, state, context: { openUntil } }: Breaker): Reason[] {
  const what = `The breaker of ${gateText(gate)}`;
  if (state === "open") {
    const until = openUntil === null ? null : new Date(openUntil).toISOString();
    const message = openUntil === null
      ? `${what} was opened by hand`
      : `${what} is open after failures; then probes may start`;
    return [because("breaker_open", message, until)];
  }
  if (state === "closed") return [];
  return [because("breaker_half_open", `${what} lets a few probes start at a time`, null)];
}

/** Why a gate lets nobody pass, in the order in which it is asked: paused, rate, slots. */
function reasonsOfGate(gate: GateState): Reason[] {
  const what = gateTitle(gate);
  const reasons: Reason[] = [];
  if (gate.pausedAt !== null) {
    const message = `${what} is paused since ${gate.pausedAt}`;
    reasons.push(because(`${gate.kind}_paused`, message, null));
  }
  if (gate.settlesAt !== null) {
    const message = `${what} has new limits; what runs already is being counted`;
    reasons.push(because("limit_settling", message, gate.settlesAt));
  }
  if (gate.refillAt !== null) {
    const message = `${what} may start ${gate.ratePerMinute} jobs a minute, and has`;
    reasons.push(because("rate_limited", message, gate.refillAt));
  }
  if (gate.concurrency !== null && gate.running >= gate.concurrency) {
    const message = `${what} has ${gate.concurrency} slots, held by ${holdersOf(gate)}`;
    reasons.push(because("slots_taken", message, null));
  }
  return reasons;
}

/** Those of other tenants are not named to a tenant: they are in `running` alone. */
function holdersOf({ holders, running }: GateState): string {
  if (holders.length === 0) return `${running} of other tenants`;
  const named = holders.map(({ id, worker }) => `job ${id} (worker ${worker ?? "unknown"})`);
  const more = running - holders.length;
  return [...named, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

function explainRunning(job: Job, clock: Clock): Reason[] {
  const reasons = [
    because("running", `Worker ${job.leaseOwner ?? "unknown"} runs it`, job.leaseUntil),
  ];
  if (job.leaseUntil !== null && Date.parse(job.leaseUntil) < clock.now()) {
    reasons.push(because("lease_over", "Its lease is over: the next sweep recovers it", null));
  }
  if (job.cancelRequestedAt !== null) {
    reasons.push(because("cancel_requested", "Its handler has been asked to stop", null));
  }
  return reasons;
}

function because(code: string, message: string, until: string | null): Reason {
  return { code, message, until };
}
