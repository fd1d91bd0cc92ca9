/**
 * The port: what the runtime asks of a database, with what each call promises.
 *
 * Every call may throw `UnavailableError` (nothing was written). `insert`, `claim` and `commit` read
 * back an unknown commit result before they answer; the other writes throw `UnknownResultError`, and
 * the caller looks. All times are the database's.
 */
import type { ApiKey, NewApiKey } from "../core/api_key.ts";
import type { Decision } from "../core/lifecycle.ts";
import type { JobError } from "../core/failure.ts";
import type { Backoff } from "../core/backoff.ts";
import type { Job, JobInsert, Transition } from "../core/job.ts";
import type { JobContext, JobState } from "../../machines/job.ts";
import type { Json } from "../core/json.ts";
import type { FailedFilter, FailedMatch, JobName, Tenant } from "../core/listing.ts";

/** What became of one job of an insert. */
export interface Inserted {
  readonly id: string;
  /** false: an idempotency key already had this job. */
  readonly created: boolean;
  /** The key's job was made from another type or payload. */
  readonly differs: boolean;
}

/** The same, with what the database decided: null of a known job, or after a lost answer. */
export interface Entered extends Inserted {
  readonly placed: Placed | null;
}

/** What only the database knows of a job that was just stored. */
export interface Placed {
  readonly state: JobState;
  readonly version: number;
  readonly runAt: string;
  readonly createdAt: string;
}

/** One level of a lane: jobs that share (tenant, queue, type, partition key), and the priority. */
export interface Lane {
  readonly tenantId: string;
  /** Hash of queue, type and partition key: the key in the claim index. */
  readonly lane: string;
  readonly priority: number;
  readonly queue: string;
  readonly type: string;
  readonly partitionKey: string | null;
}

/** A place in a lane: the least (run_at, id) a claim looks at. `runAt` keeps its microseconds. */
export interface Cursor {
  readonly runAt: string;
  readonly id: string;
}

/** Where to begin in one level of a lane. */
export interface LevelRequest {
  readonly lane: Lane;
  readonly from: Cursor;
}

/** How many jobs to take from a lane, from its levels in this order. */
export interface LaneRequest {
  readonly quantum: number;
  readonly levels: readonly LevelRequest[];
}

/** One claim. `leaseId` is made by the caller, so that a lost answer can be looked up. */
export interface ClaimRequest {
  readonly leaseId: string;
  readonly worker: string;
  readonly leaseMs: number;
  readonly limit: number;
  readonly lanes: readonly LaneRequest[];
  /** Only jobs one crash below their limit; otherwise never those. */
  readonly alone: boolean;
}

/** A job one crash below its limit, and where to claim it. */
export interface Suspect {
  readonly lane: Lane;
  readonly at: Cursor;
}

/** What a worker takes: types, queues (null: all), one partition (null: all). */
export interface Served {
  readonly types: readonly string[];
  readonly queues: readonly string[] | null;
  readonly partitionKey: string | null;
}

/** A job as its runner gets it. */
export interface ClaimedJob {
  readonly tenantId: string;
  readonly id: string;
  readonly leaseId: string;
  readonly lane: string;
  readonly queue: string;
  readonly type: string;
  readonly priority: number;
  readonly runAt: string;
  readonly version: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly crashes: number;
  readonly maxCrashes: number;
  readonly timeoutMs: number;
  readonly backoff: Backoff | null;
  readonly metadata: Json;
  readonly tags: readonly string[];
  readonly createdAt: Date;
  readonly payload: Json;
}

/** One decision of the machine about one live job, to be committed. */
export interface Change {
  readonly tenantId: string;
  readonly id: string;
  /** The fence: the version that was decided on. */
  readonly version: number;
  /** The attempt it was at before. */
  readonly attempt: number;
  /** The lease a running job is held under; null for a waiting one. */
  readonly leaseId: string | null;
  readonly decision: Decision;
  /** JSON text. */
  readonly output: string | null;
  readonly error: JobError | null;
  readonly cause: string | null;
  /** What the decision assumed about a cancel request; null when it makes no difference. */
  readonly cancelKnown: boolean | null;
}

/** A change that was not committed, and why. */
export interface Refusal {
  readonly change: Change;
  /** `lost`: another version is stored. `cancel`: a cancel request came in; decide again. */
  readonly reason: "lost" | "cancel" | "refused";
  /** The database's words, when it refuses this very row for good. */
  readonly message: string | null;
}

/** What a renewal found out. */
export interface Renewal {
  readonly renewed: readonly string[];
  readonly cancels: readonly string[];
}

/** A running job whose lease is over. */
export interface ExpiredJob {
  readonly tenantId: string;
  readonly id: string;
  readonly version: number;
  readonly leaseId: string;
  readonly worker: string | null;
  readonly state: JobState;
  readonly context: JobContext;
}

/** Expired leases, at most as many as asked for, and the jobs under them. */
export interface ExpiredLeases {
  readonly leaseIds: readonly string[];
  readonly jobs: readonly ExpiredJob[];
}

/** The name of a job and its fence: what every write by a runner carries. */
export type Held = Pick<ClaimedJob, "tenantId" | "id" | "version">;

/** A value in a statement of a job's transaction. JSON goes as text with a cast (`::jsonb`). */
export type SqlValue = null | boolean | number | string | Date | Uint8Array;

/** Runs statements inside the job's own transaction; values are parameters, never text. */
export type TransactionSql = (
  strings: TemplateStringsArray,
  ...values: readonly SqlValue[]
) => Promise<readonly Record<string, unknown>[]>;

/** What became of a requeue. */
export interface Requeued {
  /** `moved`: somebody was faster. `key_taken`: another job has its idempotency key now. */
  readonly outcome: "revived" | "moved" | "key_taken";
  /** Id of the job that has the key; empty without one. */
  readonly holder: string;
}

/** A job count per queue and state. */
export interface StateCount {
  readonly queue: string;
  readonly state: JobState;
  readonly count: number;
}

/** Which jobs of a tenant to list; null: all. */
export interface JobFilter {
  readonly tenantId: string;
  readonly states: readonly JobState[] | null;
  readonly type: string | null;
  readonly queue: string | null;
  /** One of its tags. */
  readonly tag?: string | null;
  /** Text in its names, key, tags, last error, or payload when that is small; case does not matter. */
  readonly text?: string | null;
  /** No ids below this one. */
  readonly from?: string | null;
}

/** A waiting job as it shall be. */
export interface Edit {
  readonly after: Job;
  /** JSON text; null: unchanged. */
  readonly payloadJson: string | null;
  readonly cause: string;
}

/** A claim of one job by name. */
export interface NamedClaim {
  readonly leaseId: string;
  readonly worker: string;
  readonly leaseMs: number;
}

/** What clients do with jobs. */
export interface JobStore {
  /**
   * Stores jobs, all or none, in order. A known idempotency key gives its own job.
   *
   * @throws {RefusedError} PostgreSQL refuses one of them.
   */
  insert(jobs: readonly JobInsert[]): Promise<Inserted[]>;
  /** The same, with more to tell. */
  enter(jobs: readonly JobInsert[]): Promise<Entered[]>;
  /** One job, in any home. `tenantId` null: of any tenant. */
  get(tenantId: string | null, id: string): Promise<Job | null>;
  /** One page, newest first, live and ended together, of ids before `before` (null: from the newest). */
  list(filter: JobFilter, before: string | null, limit: number): Promise<Job[]>;
  /** Where a look at `rows` rows per home ends, newest first; null: nothing is beyond. */
  listEdge(filter: JobFilter, before: string | null, rows: number): Promise<string | null>;
  /** The id of the n-th newest job of a tenant, n from 1. */
  nthNewest(tenantId: string, n: number): Promise<string | null>;
  /** The id of the job that has an idempotency key now. */
  keyHolder(tenantId: string, key: string): Promise<string | null>;
  /** Which of these jobs are no longer live. */
  ended(jobs: readonly JobName[]): Promise<string[]>;
  /** Committed steps after a version, ascending. */
  history(job: Job, afterVersion: number, limit: number): Promise<Transition[]>;
  counts(tenantId: string | null): Promise<StateCount[]>;
  /** Notes a wish to cancel a running job, without a new version. False: it moved on. */
  requestCancel(job: Job, reason?: string): Promise<boolean>;
  /** Changes a waiting job. False: it moved on. @throws {RefusedError} */
  edit(job: Job, decision: Decision, edit: Edit): Promise<boolean>;
  /** Deletes an ended job, not its history. False: it moved on. */
  remove(job: Job): Promise<boolean>;
  /** Tenants by name, after one. */
  tenants(after: string, limit: number): Promise<Tenant[]>;
  /** Failed jobs in the order of their names, after one. */
  failed(filter: FailedFilter, after: JobName | null, limit: number): Promise<JobName[]>;
  countFailed(filter: FailedFilter): Promise<FailedMatch>;
  /** Brings an ended job back. */
  requeue(job: Job, decision: Decision, cause: string): Promise<Requeued>;
}

/** What workers do with jobs. */
export interface WorkStore {
  /** Every (lane, priority) with a live job. */
  lanes(): Promise<Lane[]>;
  /** Due jobs one crash below their limit, of what a worker serves. */
  suspects(served: Served, limit: number): Promise<Suspect[]>;
  /**
   * Takes due jobs under one new lease: never more than `limit`.
   *
   * @throws {UnknownResultError} They may have been taken: ask `leased`.
   */
  claim(request: ClaimRequest): Promise<ClaimedJob[]>;
  /** Claims one job by name. False: it moved on, or is not due. */
  claimNamed(job: Job, decision: Decision, claim: NamedClaim): Promise<boolean>;
  /** The jobs under one lease, as `claim` gave them. */
  leased(leaseId: string): Promise<ClaimedJob[]>;
  /**
   * Commits decisions, each guarded by its version: a batch shares no fate. Gives what was refused.
   */
  commit(worker: string | null, changes: readonly Change[]): Promise<Refusal[]>;
  renew(worker: string, leaseIds: readonly string[], leaseMs: number): Promise<Renewal>;
  /** False: the lease was lost. */
  saveProgress(job: Held, json: string): Promise<boolean>;
  /** False: the lease was lost. */
  saveStep(job: Held & { attempt: number }, name: string, json: string): Promise<boolean>;
  steps(job: Held): Promise<ReadonlyMap<string, Json>>;
  /**
   * Runs `write` in a transaction whose last statement commits the change that `finish` makes of
   * its result. A throw rolls everything back.
   *
   * @throws {LeaseLostError} The fence refused; nothing was written.
   */
  transaction<T>(
    worker: string,
    write: (sql: TransactionSql) => Promise<T>,
    finish: (result: T) => Change,
  ): Promise<T>;
}

/** What recovers and tidies. Any process may call it; there is no leader. */
export interface SweepStore {
  expired(leases: number): Promise<ExpiredLeases>;
  /** Like `commit`, but only under leases that are still over. */
  recover(sweeper: string, changes: readonly Change[]): Promise<Refusal[]>;
  dropLeases(leaseIds: readonly string[]): Promise<void>;
  overdueCancels(graceMs: number, limit: number): Promise<ExpiredJob[]>;
  /** Marks a job that cannot be moved; its lease is tried again in a few minutes. */
  quarantine(change: Change, reason: string): Promise<void>;
  /** Takes the marks off jobs that were moved after all. */
  release(changes: readonly Change[]): Promise<void>;
  /** Folds counters, adds partitions, summarises the history index. Bounded. */
  maintain(): Promise<void>;
}

/** What tells processes of each other: hints only, never needed. */
export interface HintStore {
  /** Wakes workers, after a commit. Never throws. */
  hint(message: Hint): void;
  /** `onHint(null)`: hints may have been missed, look for yourself. Gives the way to stop. */
  onHint(onHint: (message: Hint | null) => void): Promise<() => Promise<void>>;
}

/** What a hint may say. */
export type Hint =
  | { readonly kind: "lanes"; readonly lanes: readonly Lane[] }
  | { readonly kind: "cancel" }
  /** Somebody waits for jobs: say for a while which ones end. */
  | { readonly kind: "watch" }
  /** These jobs ended; without ids: some did. */
  | { readonly kind: "ended"; readonly ids: readonly string[] };

/** What the API and the command line ask of the table of keys. */
export interface KeyStore {
  /** False: `onlyFirst`, and there is a live platform key. */
  addKey(key: NewApiKey, onlyFirst: boolean): Promise<boolean>;
  findKey(id: string): Promise<{ key: ApiKey; hash: string } | null>;
  listKeys(tenantId: string | null, limit: number): Promise<ApiKey[]>;
  /** False: there is none of this tenant. */
  revokeKey(tenantId: string | null, id: string): Promise<boolean>;
  touchKey(id: string): Promise<void>;
}

/** Everything, and its end. */
export interface Store extends JobStore, WorkStore, SweepStore, HintStore {
  readonly keys: KeyStore;
  /** True when the database takes writes. Throws `UnavailableError` when it cannot be reached. */
  isWritable(): Promise<boolean>;
  close(): Promise<void>;
}
