/**
 * A worker in any language: takes one job by name, renews its lease, brings its ending home.
 *
 * The version it got at the claim is its fence: whoever comes with an older one changes nothing.
 */
import { getLogger } from "@logtape/logtape";
import type { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { CodecError, decode } from "../core/actor/mod.ts";
import { InvalidInputError, LeaseLostError, RateLimitedError } from "../core/errors.ts";
import { gatesOf, gateText } from "../core/gate.ts";
import { newId } from "../core/id.ts";
import type { Job } from "../core/job.ts";
import { isTerminal } from "../core/lifecycle.ts";
import { GRACE_MS } from "../core/limits.ts";
import { refusal } from "../core/refused_options.ts";
import type { Change, Closed, NamedClaim, Store } from "../store/store.ts";
import { jobAfter, jobForeseen } from "./answering.ts";
import type { Foreseen } from "./job_answers.ts";
import { type Aim, changeJob, decide, isCommitted, readJob, rejection } from "./deciding.ts";
import { breakerGate, coolBreaker, noteOutside } from "./breakers.ts";
import { changeOf, type Ending, eventTypeOf, judgementOf, scrubbed } from "./endings.ts";
import type { Handlers } from "./handlers.ts";
import { HEAD } from "./lane_keys.ts";
import { isMember } from "./members.ts";
import { laneOf } from "./preparing.ts";
import { turnOf } from "./ordering.ts";
import { growthOf } from "./growth.ts";

const log = getLogger(["perdura", "api"]);

/** Another claim is at the gate: it takes a few milliseconds. */
const BUSY_TRIES = 10;
const BUSY_PAUSE_MS = 5;
const RETRY_AFTER_MS = 1_000;

const NOT_ALONE = "A worker holds the job together with others, and renews their lease itself";

/** How to claim. */
export interface OutsideClaim {
  /** A UUID that names the worker in the history; null: a new one. */
  readonly worker: string | null;
  readonly leaseMs: number;
}

/** A renewed lease, and what its holder should know. */
export interface OutsideRenewal {
  readonly leaseUntil: string | null;
  readonly cancelRequestedAt: string | null;
}

/** What outside work needs. */
export interface OutsideHost {
  readonly store: Store;
  readonly handlers: Handlers;
  readonly clock: Clock;
  readonly defaults: { readonly backoff: Backoff; readonly tenantRate?: number | null };
}

/**
 * CLAIM of one due job. It passes the gates of its lane like any other.
 *
 * @throws {TransitionRejectedError} It is not waiting, not due yet, or its options were refused.
 * @throws {RateLimitedError} A gate lets nobody pass now. Nothing was spent.
 */
export function claimOutside(
  host: OutsideHost,
  id: string,
  aim: Aim,
  claim: OutsideClaim,
): Promise<Job> {
  const { store } = host;
  return changeJob(store, id, aim, async (job) => {
    const decision = decide(job, { type: "CLAIM" });
    const [refused] = refusal(job.metadata)?.issues ?? [];
    if (refused) throw rejection(job, "CLAIM", `Its ${refused.path}: ${refused.message}`);
    // No longer than a renewal may make it.
    const leaseMs = Math.min(claim.leaseMs, job.timeoutMs + GRACE_MS);
    const named = { leaseId: newId(), worker: claim.worker ?? newId(), leaseMs };
    const isTaken = await isLimited(host, job)
      ? await claimPastGates(host, job, named)
      : await store.claimNamed(job, decision, named);
    if (isTaken) return await readClaimed(store, job, named);
    const now = await readJob(store, job.tenantId, id);
    // Nobody moved it: the clock of the database says that it is too early.
    if (now.version === job.version) {
      const turn = await turnOf(store, now);
      if (turn) throw rejection(now, "CLAIM", turn);
      const isEarly = Date.parse(now.runAt) > host.clock.now();
      const why = isEarly ? `not due before ${now.runAt}` : "not to be had just now: try again";
      throw rejection(now, "CLAIM", `The job is ${why}`);
    }
    return null;
  });
}

/** The version of what is answered is the claimer's fence: never that of somebody who came after it. */
async function readClaimed(store: Store, { tenantId, id }: Job, { leaseId }: NamedClaim) {
  const job = await readJob(store, tenantId, id);
  return job.leaseId === leaseId ? job : null;
}

/** Whether a job has to pass gates that count or are closed. */
async function isLimited(host: OutsideHost, job: Job): Promise<boolean> {
  const { store, defaults } = host;
  const { tenantRate = null } = defaults;
  if (job.orderingKey !== null || job.limitKey !== null) return true;
  if (host.handlers.get(job.type)?.breaker) return true;
  if (tenantRate !== null) await store.gates.open([job.tenantId]);
  const states = await store.gates.states(gatesOf(job), 0, tenantRate);
  return states.some((gate) =>
    gate.ratePerMinute !== null || gate.concurrency !== null || gate.pausedAt !== null
  );
}

/** @throws {RateLimitedError} */
async function claimPastGates(
  { store, defaults }: OutsideHost,
  job: Job,
  claim: NamedClaim,
): Promise<boolean> {
  const { tenantRate = null } = defaults;
  // From the millisecond that the job names: the database knows it by the microsecond.
  const from = { ...HEAD, runAt: job.runAt };
  const lanes = [{ quantum: 1, levels: [{ lane: laneOf(job), from }] }];
  const alone = job.crashes > 0 && job.crashes >= job.maxCrashes - 1;
  const request = { ...claim, limit: 1, lanes, alone, tenantRate, only: job };
  for (let tries = 1;; tries++) {
    const { jobs, closed: [gate] } = await store.gates.claim(request);
    if (jobs.length > 0 || !gate) return jobs.length > 0;
    if (tries < BUSY_TRIES && await reopen(store, gate)) continue;
    if (gate.why !== "busy" || tries === BUSY_TRIES) {
      const message = `${gateText(gate)} lets nobody pass now (${gate.why})`;
      throw new RateLimitedError(message, gate.ms ?? RETRY_AFTER_MS);
    }
    await new Promise((done) => setTimeout(done, BUSY_PAUSE_MS * tries));
  }
}

/** Where no worker runs, whoever comes does what is due at a gate. Whether there was anything. */
async function reopen(store: Store, gate: Closed): Promise<boolean> {
  if (gate.ms === null || gate.ms > 0) return false;
  // The breaker of a type is of all tenants, whoever's request comes to it.
  if (gate.why === "breaker") await store.within(null, () => coolBreaker(store, gate));
  else if (gate.why === "settling") await store.gates.settle();
  else return false;
  return true;
}

/**
 * SUCCEED, FAIL, SNOOZE or INTERRUPTED of a running job.
 *
 * @throws {TransitionRejectedError | VersionConflictError} The lease was lost.
 */
export function endOutside(
  host: OutsideHost,
  id: string,
  aim: Aim,
  ending: Ending,
): Promise<Job> {
  return changeJob(host.store, id, aim, async (job) => {
    const change = changeFor(host, job, ending);
    const { decision, error } = change;
    // Of many endings under one version one is committed; the others are too late.
    const [refusal] = await host.store.commit(job.leaseOwner, [{ ...change, isOneOfMany: true }]);
    if (!isCommitted(refusal)) return null;
    await tellBreaker(host, job, ending);
    // For clients who wait, and for the worker that may hold the lease: the attempt has ended.
    host.store.hint({ kind: "ended", ids: [id] });
    if (!isTerminal(decision.to)) host.store.hint({ kind: "lanes", lanes: [laneOf(job)] });
    return await jobAfter(host.store, { ...job, lastError: error ?? job.lastError }, decision);
  });
}

/** What such an ending says about the upstream. It is stored by now: that nobody can be told is no failure of it. */
async function tellBreaker(
  { store, handlers }: OutsideHost,
  job: Job,
  ending: Ending,
): Promise<void> {
  const settings = handlers.get(job.type)?.breaker;
  const gate = settings && breakerGate(job, settings);
  const judged = judgementOf(ending);
  if (!gate || judged === null || job.startedAt === null) return;
  const outcome = { isFailure: judged === "failure", startedAt: Date.parse(job.startedAt) };
  const note = () => noteOutside(store, gate, settings, outcome);
  await store.within(null, note).catch((error) => {
    log.warn("A breaker was not told of an ending", { error, jobId: job.id, type: job.type });
  });
}

/** What an ending would make of a running job, committing nothing. */
export function foreseeOutside(
  host: OutsideHost,
  id: string,
  aim: Aim,
  ending: Ending,
): Promise<Foreseen> {
  return changeJob(host.store, id, aim, (job) => {
    const { decision, error } = changeFor(host, job, ending);
    const next = {
      ...jobForeseen(job, decision, new Date(host.clock.now())),
      lastError: error ?? job.lastError,
      output: ending.kind === "succeeded" ? JSON.parse(ending.output) : null,
    };
    return Promise.resolve({ job: next, isPending: false, due: decision.due });
  });
}

/** The decision about the ending of a running job. */
function changeFor(host: OutsideHost, job: Job, ending: Ending): Change {
  if (job.state !== "running") throw rejection(job, eventTypeOf(ending));
  const { leaseId } = job;
  if (leaseId === null) throw new LeaseLostError(job.id, job.version);
  if (ending.kind === "succeeded") demandReadable(job, ending.output);
  const { retry: policy = {}, payloadRedactor } = host.handlers.get(job.type) ?? {};
  const backoff = job.backoff ?? growthOf(policy, host.defaults.backoff);
  const at = new Date(host.clock.now());
  const cancelRequested = job.cancelRequestedAt !== null;
  // Whether it holds slots, only its lease knows; to look for some that are not there does no harm.
  const told = scrubbed(ending, payloadRedactor, job.payload);
  return changeOf({ ...job, leaseId, holdsSlots: true }, told, { cancelRequested, backoff, at });
}

/**
 * What an activity gives goes to its actor, in the form of the codec: what that cannot read would be no news to
 * it, and it would wait for ever.
 *
 * @throws {InvalidInputError}
 */
function demandReadable(job: Job, output: string): void {
  if (job.parentId === null || isMember(job)) return;
  try {
    decode(JSON.parse(output), "output");
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new InvalidInputError([{ path: error.path, message: error.reason }]);
  }
}

/**
 * Renews the lease of a running job, if it is of this job alone: under that of a batch run others, of other
 * tenants even, and the worker that holds them renews it.
 *
 * @throws {LeaseLostError | TransitionRejectedError}
 */
export function renewOutside(
  { store }: OutsideHost,
  id: string,
  aim: Aim,
  leaseMs: number,
): Promise<OutsideRenewal> {
  return changeJob(store, id, aim, async (job) => {
    if (job.state !== "running") throw rejection(job, "RENEW");
    const renewed = await store.renewNamed(job, leaseMs);
    if (renewed === null) throw new LeaseLostError(id, job.version);
    if (renewed.leaseUntil === null) throw rejection(job, "RENEW", NOT_ALONE);
    return renewed;
  });
}
