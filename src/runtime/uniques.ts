/**
 * Unique jobs: one per key waits or runs, and who asks again is told which.
 *
 * What to do is decided in memory on the row of the key, and committed only if that row is still the
 * one that was seen; otherwise it is decided again. So it holds under any number of callers, and
 * somebody always gets an answer.
 */
import { UnavailableError, UnknownResultError } from "../core/errors.ts";
import type { Job, JobInsert } from "../core/job.ts";
import type { When } from "../../machines/job.ts";
import { limits } from "../core/limits.ts";
import { uniqueAction, type UniqueOutcome, type UniqueRule } from "../core/unique.ts";
import type {
  Entered,
  Follower,
  Inserted,
  Placed,
  SendStatement,
  Store,
  UniqueHolder,
  UniqueStore,
} from "../store/store.ts";
import { applyDecision, type ApplyHost } from "./applying.ts";
import { changeJob, decide, isOver } from "./deciding.ts";
import { lanesOf } from "./preparing.ts";

/** Each is another caller's success. */
const TRIES = 50;
const FOLLOWERS = 100;

/** What became of a job that was sent: which one it is now. */
export interface Added extends Inserted {
  /** Null: it had no rule. */
  readonly unique: UniqueOutcome | null;
}

interface UniqueEntered {
  readonly id: string;
  readonly outcome: UniqueOutcome;
  /** Of an inserted job. */
  readonly placed: Placed | null;
}

/** Stores a unique job, or tells which has its key; `hints`: for a job that is committed then. */
export async function addUnique(
  store: UniqueStore,
  row: JobInsert,
  rule: UniqueRule,
  hints: Pick<Store, "hint"> | null = null,
): Promise<Added & Entered> {
  const { id, outcome, placed } = await enterUnique(store, row, rule);
  const created = outcome === "inserted";
  const lanes = outcome === "deduplicated" ? [] : lanesOf([row]);
  if (lanes.length > 0) hints?.hint({ kind: "lanes", lanes });
  return { id, created, differs: false, placed, unique: outcome };
}

/** The job that a unique one is answered with, left as it is; null: it would change one, or be stored. */
export async function keptBy(
  store: Pick<UniqueStore, "holder">,
  { tenantId, type }: Pick<JobInsert, "tenantId" | "type">,
  rule: UniqueRule,
): Promise<string | null> {
  const held = await store.holder(tenantId, lockKeyOf(type, rule.key));
  return held && uniqueAction(rule, holdingOf(held)) === "keep" ? held.jobId : null;
}

/** One job without a rule, inside the caller's transaction. */
export async function insertOne(
  store: Pick<Store, "insertIn">,
  send: SendStatement,
  row: JobInsert,
): Promise<Inserted> {
  const [inserted] = await store.insertIn(send, [row]);
  if (!inserted) throw new UnavailableError("The store gave no answer");
  return inserted;
}

/** The row of a key: it is of the type's jobs. */
export function lockKeyOf(type: string, key: string): string {
  return `${type} ${key}`;
}

/** Stores a job, or changes the one that has its key, or neither. */
async function enterUnique(
  store: UniqueStore,
  row: JobInsert,
  rule: UniqueRule,
): Promise<UniqueEntered> {
  const taking = { key: lockKeyOf(row.type, rule.key), windowMs: rule.windowMs ?? null };
  /** What was asked of the store and may still come in. */
  const unsettled: UnknownResultError[] = [];
  const take = (job: JobInsert, expected: string | null, waitsFor: string | null) =>
    store.take(job, { ...taking, expected, waitsFor }).catch((error) => {
      if (!(error instanceof UnknownResultError)) throw error;
      // Whether it is in, the next look at the key tells.
      if (!error.isSettled) unsettled.push(error);
      return null;
    });
  const first = await take(row, null, null);
  if (first) return { id: row.id, outcome: "inserted", placed: first };
  for (let tries = 0; tries < TRIES; tries++) {
    const held = await store.holder(row.tenantId, taking.key);
    if (held?.jobId === row.id) return { id: row.id, outcome: "inserted", placed: null };
    // Sent again it could be stored twice: the first may come when the second has run, and its key is free.
    if (unsettled[0]) throw unsettled[0];
    const action = held ? uniqueAction(rule, holdingOf(held)) : "take";
    if (action === "keep" && held) return { id: held.jobId, outcome: "deduplicated", placed: null };
    if (action === "take" || action === "follow") {
      const isFollowing = action === "follow" && held;
      const job = isFollowing ? { ...row, runAt: null, delayMs: limits.delayMsMax } : row;
      const placed = await take(job, held?.number ?? null, isFollowing ? held.jobId : null);
      if (placed) return { id: row.id, outcome: "inserted", placed };
    } else if (held?.job && await replace(store, held.job, row, action === "replace")) {
      return { id: held.jobId, outcome: "replaced", placed: null };
    }
  }
  throw new UnavailableError("Its unique key is taken and given back all the time; send it again");
}

/** Lets those start whose predecessors have ended. Gives how many. */
export async function releaseFollowers(host: ApplyHost): Promise<number> {
  const { uniques } = host.store;
  const followers = await uniques.followers(FOLLOWERS);
  for (const follower of followers) {
    // First the job, then the row: who dies between has it done again.
    await startFollower(host, follower);
    await uniques.release(follower);
  }
  return followers.length;
}

async function startFollower(host: ApplyHost, { tenantId, jobId }: Follower): Promise<void> {
  try {
    await changeJob(host.store, jobId, { tenantId, ifVersion: null }, (job) => {
      return applyDecision(host, job, decide(job, { type: "RETRY_NOW" }), "unique");
    });
  } catch (error) {
    // An operator was faster.
    if (!isOver(error)) throw error;
  }
}

function holdingOf({ job, isWithin, waits }: UniqueHolder) {
  return { state: job?.state ?? null, isWithin, waits };
}

/** Makes the waiting job what the new one would have been; it keeps its id and its history. */
async function replace(
  store: UniqueStore,
  job: Job,
  row: JobInsert,
  isTimed: boolean,
): Promise<boolean> {
  const when: When = row.runAt === null ? { delayMs: row.delayMs ?? 0 } : { runAt: row.runAt };
  const decision = decide(job, { type: "SCHEDULE", when });
  const { queue, partitionKey, priority, maxAttempts, maxCrashes, timeoutMs, backoff } = row;
  const after = {
    ...job,
    ...{ queue, partitionKey, priority, maxAttempts, maxCrashes, timeoutMs, backoff },
    tags: row.tags ?? [],
    metadata: JSON.parse(row.metadataJson ?? "null"),
  };
  const edit = { after, payloadJson: row.payloadJson, cause: "unique: replaced" };
  return await store.edit(job, isTimed ? decision : { ...decision, due: null }, edit);
}
