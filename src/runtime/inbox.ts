/**
 * What SQL callers have asked for becomes jobs, through the same checks as every other job.
 *
 * Any process may do it at any time: a row is taken out of the inbox by the statement that makes the
 * job, so nothing is lost or made twice. What cannot become a job becomes a dead letter that says
 * why, and never holds up the others.
 *
 * What drains, or has too many waiting, takes no job from here either. Whoever asked in SQL cannot be told to
 * come again later, so what it asked for stays in the inbox and is tried again: docs/decisions/0092.
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import {
  IdempotencyConflictError,
  InvalidInputError,
  PerduraError,
  RateLimitedError,
  UnavailableError,
} from "../core/errors.ts";
import { describeError } from "../core/failure.ts";
import type { JobInsert } from "../core/job.ts";
import { type Decision, INITIAL_STATE, transition } from "../core/lifecycle.ts";
import { START_ACTOR } from "../core/inbox.ts";
import type { JobEvent } from "../../machines/job.ts";
import type { Burial, Letter, Store } from "../store/store.ts";
import type { Handlers } from "./handlers.ts";
import { Intake } from "./intake.ts";
import { lanesOf, type Prepared, prepareJob, refusedJob, type RetryDefaults } from "./preparing.ts";
import { startAsked } from "./starts.ts";
import type { Turner } from "./turner.ts";

const log = getLogger(["perdura", "inbox"]);

const PAGE = 500;
const PAGES_MAX = 20;
/** Those that wait are told of so often. */
const TOLD_MS = 60_000;
const NOT_IN_SQL = "The caller has the id of its job already; use idempotencyKey";

/** What emptying the inbox needs. */
export interface InboxHost {
  /** Starts the actors that are asked for; without one, or without machines, they wait. */
  readonly turner?: Turner | undefined;
  readonly store: Store;
  readonly handlers: Handlers;
  readonly clock: Clock;
  readonly defaults: RetryDefaults;
}

/** What a process knows of an inbox from one look to the next. */
interface Memory {
  readonly intake: Intake;
  /** Where a look that did not come to the end stopped; null: the next one begins at the beginning. */
  after: Letter | null;
  toldAt: number;
}

const memories = new WeakMap<Store, Memory>();

/** Empties the inbox, up to a bounded number of rows. Gives how many became jobs. */
export async function emptyInbox(host: InboxHost): Promise<number> {
  const memory = memoryOf(host);
  const begun = memory.after;
  let after = begun;
  let made = 0;
  for (let page = 0; page < PAGES_MAX; page++) {
    const letters = await host.store.inbox.letters(PAGE, after);
    const isLast = letters.length < PAGE;
    after = isLast ? null : letters.at(-1) ?? null;
    if (letters.length > 0) made += await settle(host, memory, letters);
    // A look that began in the middle goes on from the beginning if its first page was the last one. A longer one
    // leaves the beginning to the next look.
    if (isLast && (begun === null || page > 0)) break;
  }
  memory.after = after;
  return made;
}

function memoryOf(host: InboxHost): Memory {
  const known = memories.get(host.store);
  if (known) return known;
  const made = { intake: new Intake(host), after: null, toldAt: -Infinity };
  memories.set(host.store, made);
  return made;
}

async function settle(
  host: InboxHost,
  memory: Memory,
  letters: readonly Letter[],
): Promise<number> {
  const prepared: Prepared[] = [];
  for (const letter of letters.filter(({ type }) => type === START_ACTOR)) {
    await startOrBury(host, letter);
  }
  for (const letter of letters.filter(({ type }) => type !== START_ACTOR)) {
    const one = await prepareOrBury(host, letter);
    if (one && await isAdmitted(host, memory, one.row)) prepared.push(one);
  }
  const rows = await withoutTaken(host, letters, prepared);
  const made = await insertAll(host, letters, rows);
  const lanes = lanesOf(rows.filter((row) => made.has(row.id)));
  if (lanes.length > 0) host.store.hint({ kind: "lanes", lanes });
  return made.size;
}

/** Whether a job may come in now; if not, its letter stays. */
async function isAdmitted(host: InboxHost, memory: Memory, row: JobInsert): Promise<boolean> {
  try {
    const asking = memory.intake.admit([row]);
    if (asking) await asking;
    return true;
  } catch (error) {
    if (!(error instanceof RateLimitedError)) throw error;
    const now = host.clock.monotonic();
    if (now - memory.toldAt >= TOLD_MS) {
      memory.toldAt = now;
      const { id: jobId, tenantId, type } = row;
      log.warn("Jobs asked for in SQL wait: {reason}", {
        reason: error.message,
        ...{ jobId, tenantId, type },
      });
    }
    return false;
  }
}

/** A start is one per id: done twice, because the row outlived it, it is done once. */
async function startOrBury(host: InboxHost, letter: Letter): Promise<void> {
  const { turner } = host;
  if (!turner || turner.machines.names.length === 0) return;
  try {
    await startAsked(turner, letter.tenantId, JSON.parse(letter.payloadJson ?? "null"));
    await host.store.inbox.drop(letter);
  } catch (error) {
    if (!(error instanceof PerduraError) || error instanceof UnavailableError) throw error;
    await bury(host, letter, error);
  }
}

async function prepareOrBury(host: InboxHost, letter: Letter): Promise<Prepared | null> {
  try {
    const options: unknown = JSON.parse(letter.optionsJson);
    const payload: unknown = JSON.parse(letter.payloadJson ?? "null");
    const isObject = typeof options === "object" && options !== null && !Array.isArray(options);
    const input = { ...(isObject ? options : { options }), type: letter.type, payload };
    const prepared = prepareJob(host, input, "");
    if (prepared.unique) throw new InvalidInputError([{ path: "unique", message: NOT_IN_SQL }]);
    return { ...prepared, row: { ...prepared.row, id: letter.id, tenantId: letter.tenantId } };
  } catch (error) {
    if (!(error instanceof PerduraError)) throw error;
    await bury(host, letter, error);
    return null;
  }
}

/**
 * Without the strict ones whose key is another's: they are buried. Elsewhere they are refused, and here
 * nobody waits for an answer. A key that is taken between this look and the insert goes without one.
 */
async function withoutTaken(
  host: InboxHost,
  letters: readonly Letter[],
  prepared: readonly Prepared[],
): Promise<JobInsert[]> {
  const strict = prepared.filter(({ isStrict }) => isStrict);
  const known = await host.store.known(strict.map(({ row }) => row));
  const taken = known.filter(({ differs }) => differs);
  for (const { id, key, holder } of taken) {
    const letter = letters.find((letter) => letter.id === id);
    if (letter) await bury(host, letter, new IdempotencyConflictError(key, holder));
  }
  const ids = new Set(taken.map(({ id }) => id));
  return prepared.map(({ row }) => row).filter(({ id }) => !ids.has(id));
}

/** One row that the database refuses is found by trying each alone. */
async function insertAll(
  host: InboxHost,
  letters: readonly Letter[],
  rows: readonly JobInsert[],
): Promise<Set<string>> {
  try {
    return new Set(await host.store.inbox.take(rows));
  } catch (error) {
    if (error instanceof UnavailableError) throw error;
    const [only, ...others] = rows;
    const letter = letters.find(({ id }) => id === only?.id);
    if (letter && others.length === 0) {
      await bury(host, letter, error);
      return new Set();
    }
    const middle = rows.length >> 1;
    const first = await insertAll(host, letters, rows.slice(0, middle));
    return first.union(await insertAll(host, letters, rows.slice(middle)));
  }
}

/** It keeps what was asked for: a requeue brings it back so, and not as a job of no options. */
async function bury(host: InboxHost, letter: Letter, error: unknown): Promise<void> {
  const at = new Date(host.clock.now());
  const described = { ...describeError(error, at), retryable: false };
  const job = refusedJob(host, letter.type, JSON.parse(letter.optionsJson));
  const { id, tenantId, payloadJson } = letter;
  const buried = await host.store.inbox.bury({ ...job, id, tenantId }, {
    ...burial(),
    ...{ payloadJson, error: described, cause: "schema" },
  });
  if (buried) {
    log.warn("A job asked for in SQL became a dead letter", {
      jobId: letter.id,
      tenantId: letter.tenantId,
      type: letter.type,
      code: described.code,
    });
  }
}

/** The way to a dead letter that the machine takes: claimed, and failed for good. */
function burial(): Pick<Burial, "claim" | "fail"> {
  const context = { attempt: 0, maxAttempts: 1, crashes: 0, maxCrashes: 1, cancelRequested: false };
  const claim = decided({ state: INITIAL_STATE, context }, { type: "CLAIM" });
  const event = { type: "FAIL", retryable: false, when: { delayMs: 0 } } as const;
  return { claim, fail: decided({ state: claim.to, context: claim.context }, event) };
}

function decided(job: Parameters<typeof transition>[0], event: JobEvent): Decision {
  const decision = transition(job, event);
  if (!decision.accepted) throw new Error(`A ${job.state} job refused ${event.type}`);
  return decision;
}
