/**
 * One part of an operation: reads its jobs, asks the machine about each, and commits the answers in the
 * transaction of the operation's turn; the part after it at the same time in one of its own.
 *
 * What has another version than when it was chosen is left alone, whoever moved it: a job that was
 * brought back and failed again has failed in another way. Only a cancel is meant for the job, however
 * far it has come.
 */
import { getLogger } from "@logtape/logtape";
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { type Decision, INITIAL_STATE, isTerminal, transition } from "../core/lifecycle.ts";
import { LeaseLostError } from "../core/errors.ts";
import { eventOf, type ItemOutcome, statesFor } from "../core/operation.ts";
import type {
  ActorName,
  Change,
  Chosen,
  OperationRow,
  PartJob,
  SendStatement,
  Store,
  Turn,
} from "../store/store.ts";
import { cancelledError } from "./endings.ts";

const log = getLogger(["perdura", "operations"]);

/** What carrying out needs. */
export interface ApplyHost {
  readonly store: Store;
  readonly clock: Clock;
}

const PART_DONE = { type: "PART_DONE" };
const paramsSchema = z.object({ part: z.int() });
/** REQUEUE forgets what it comes from: one decision serves all. */
const revival = revivalOf();

/** What is to be done with the jobs of a part, by the statement that does it. */
interface Plan {
  readonly outcomes: Map<PartJob, ItemOutcome>;
  readonly revive: { job: PartJob; chosen: Chosen }[];
  readonly change: { job: PartJob; decision: Decision; version: number }[];
  readonly ask: { job: PartJob; chosen: Chosen }[];
  readonly remove: { job: PartJob; chosen: Chosen }[];
}

/** Carries out the part that `params` name. Gives what is to be told after the commit. */
export async function applyPart(
  host: ApplyHost,
  send: SendStatement,
  turn: Turn,
  params: unknown,
): Promise<() => void> {
  const { operations } = host.store;
  const { part } = paramsSchema.parse(params);
  const operation = await operations.readIn(send, turn);
  // Of an operation that is born here nobody else sees the parts yet.
  const isMore = part + 1 < operation.parts;
  if (isMore && turn.birth === null && operation.rate === null) {
    applyAhead(host, turn, part + 1)
      .catch((error) => log.debug("A part is left to its turn", { operationId: turn.id, error }));
  }
  const isOurs = await operations.takePart(send, operation, part, true);
  const outcomes = isOurs ? await carryOut(host, send, operation, part) : [];
  await operations.partDone(send, operation, part, outcomes, PART_DONE);
  return () => {
    // It is due since the transaction began.
    host.store.hint({ kind: "mail", isOld: true });
    tell(host, operation);
  };
}

/**
 * Carries out a part before its turn, in a transaction of its own, while the turn of the part before
 * it is under way: PostgreSQL has more than one processor. Whoever takes the part's row first does it;
 * its turn waits for that, and goes on. False: there is none, somebody has it, or the operation does
 * not run any more; that is looked at last, and a stop waits for the commit.
 */
export async function applyAhead(
  host: ApplyHost,
  name: ActorName,
  part: number,
): Promise<boolean> {
  const { operations } = host.store;
  const done: OperationRow[] = [];
  await operations.apart(name, async (send) => {
    if (!await operations.takePart(send, name, part, false)) return;
    const operation = await operations.readIn(send, name);
    const outcomes = await carryOut(host, send, operation, part);
    await operations.partDone(send, name, part, outcomes, null);
    if (!await operations.holdRunning(send, name)) throw new LeaseLostError(name.id, 0);
    done.push(operation);
  });
  for (const operation of done) tell(host, operation);
  return done.length > 0;
}

/** After the commit: wakes those whom the jobs of a part concern. */
function tell({ store }: ApplyHost, { action }: OperationRow): void {
  store.hint({ kind: "lanes", lanes: [] });
  if (action !== "cancel") return;
  store.hint({ kind: "cancel" });
  store.hint({ kind: "ended", ids: [] });
}

/** Does what is asked for with the jobs of a part. Gives what became of each, in its order. */
async function carryOut(
  host: ApplyHost,
  send: SendStatement,
  operation: OperationRow,
  part: number,
): Promise<ItemOutcome[]> {
  const isRequeue = operation.action === "requeue";
  return await (isRequeue ? requeue : applyEach)(host, send, operation, part);
}

/**
 * The most common and the largest of all, and the same for each job: one statement brings back the jobs
 * of a part unseen, as they were chosen. What it leaves has a key, was cancelled, or has moved on.
 */
async function requeue(
  { store: { operations } }: ApplyHost,
  send: SendStatement,
  operation: OperationRow,
  part: number,
): Promise<ItemOutcome[]> {
  const { cause } = operation;
  const states = statesFor("requeue");
  const { size, rest } = await operations
    .requeuePart(send, operation, part, states, revival, cause);
  const outcomes = new Array<ItemOutcome>(size).fill("done");
  const jobs = rest.length === 0 ? [] : await operations.names(send, operation, part);
  const left = rest.flatMap((place) => jobs[place] ?? []);
  const rows = await operations.requeue(send, left, states, revival, cause);
  const became = new Map(rows.map((row) => [nameOf(row), row.outcome]));
  rest.forEach((place, n) => {
    const outcome = left[n] ? became.get(nameOf(left[n])) ?? "moved" : "moved";
    outcomes[place] = outcome === "revived" ? "done" : outcome;
  });
  return outcomes;
}

async function applyEach(
  host: ApplyHost,
  send: SendStatement,
  operation: OperationRow,
  part: number,
): Promise<ItemOutcome[]> {
  const { operations } = host.store;
  const jobs = await operations.part(send, operation, part);
  const plan = planOf(operation, jobs);
  await revive(host, send, operation, plan);
  await change(host, send, operation, plan);
  const gone = namesOf(await operations.remove(send, chosenOf(plan.remove)));
  settle(plan, plan.remove, gone);
  const asked = await operations.requestCancel(send, chosenOf(plan.ask), operation.cause);
  settle(plan, plan.ask, namesOf(asked));
  return jobs.map((job) => plan.outcomes.get(job) ?? "done");
}

function planOf(operation: OperationRow, jobs: readonly PartJob[]): Plan {
  const plan: Plan = { outcomes: new Map(), revive: [], change: [], ask: [], remove: [] };
  for (const job of jobs) {
    const outcome = place(plan, operation, job);
    if (outcome) plan.outcomes.set(job, outcome);
  }
  return plan;
}

/** Puts a job where it belongs, or says why it is left alone. */
function place(plan: Plan, { action, runAt }: OperationRow, job: PartJob): ItemOutcome | null {
  const { now, wanted, tenantId, id } = job;
  if (now === null) return "gone";
  const { version, state, context } = now;
  if (version !== wanted && action !== "cancel") return "moved";
  const chosen = { tenantId, id, version, state };
  const event = eventOf(action, state, runAt);
  if (event === null) {
    if (!isTerminal(state)) return "refused";
    plan.remove.push({ job, chosen });
    return null;
  }
  const decision = transition({ state, context }, event);
  if (!decision.accepted) return version === wanted ? "refused" : "moved";
  if (isTerminal(state)) plan.revive.push({ job, chosen });
  else if (state === "running") plan.ask.push({ job, chosen });
  else plan.change.push({ job, decision, version });
  return null;
}

async function revive(
  { store }: ApplyHost,
  send: SendStatement,
  { cause }: OperationRow,
  plan: Plan,
): Promise<void> {
  const chosen = chosenOf(plan.revive);
  const rows = await store.operations.requeue(send, chosen, statesFor("requeue"), revival, cause);
  const outcomes = new Map(rows.map((row) => [nameOf(row), row.outcome]));
  for (const { job } of plan.revive) {
    const outcome = outcomes.get(nameOf(job)) ?? "moved";
    if (outcome !== "revived") plan.outcomes.set(job, outcome);
  }
}

async function change(
  { store, clock }: ApplyHost,
  send: SendStatement,
  { cause }: OperationRow,
  plan: Plan,
): Promise<void> {
  const at = new Date(clock.now());
  const changes = plan.change.map(({ job, decision, version }): Change => ({
    tenantId: job.tenantId,
    id: job.id,
    version,
    attempt: job.now?.context.attempt ?? 0,
    leaseId: null,
    decision,
    output: null,
    error: decision.to === "cancelled" ? cancelledError(at) : null,
    cause,
    cancelKnown: null,
  }));
  const unmoved = namesOf(await store.operations.change(send, changes));
  for (const { job } of plan.change) if (unmoved.has(nameOf(job))) plan.outcomes.set(job, "moved");
}

/** What was not done had moved on. */
function settle(plan: Plan, of: readonly { job: PartJob }[], done: ReadonlySet<string>): void {
  for (const { job } of of) if (!done.has(nameOf(job))) plan.outcomes.set(job, "moved");
}

function chosenOf(of: readonly { readonly chosen: Chosen }[]): Chosen[] {
  return of.map(({ chosen }) => chosen);
}

function namesOf(jobs: readonly { readonly tenantId: string; readonly id: string }[]): Set<string> {
  return new Set(jobs.map(nameOf));
}

function nameOf({ tenantId, id }: { readonly tenantId: string; readonly id: string }): string {
  return `${id} ${tenantId}`;
}

function revivalOf(): Decision {
  const [state = INITIAL_STATE] = statesFor("requeue");
  const context = { attempt: 0, maxAttempts: 1, crashes: 0, maxCrashes: 1, cancelRequested: false };
  const decision = transition({ state, context }, { type: "REQUEUE" });
  if (!decision.accepted) throw new Error("The machine does not take REQUEUE where it says so");
  return decision;
}
