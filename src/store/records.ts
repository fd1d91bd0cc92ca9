/** What the calls of the port take and give. */
import type { Gate, GateName, Limits } from "../core/gate.ts";
import type { Decision } from "../core/lifecycle.ts";
import type { JobError } from "../core/failure.ts";
import type { Backoff } from "../core/backoff.ts";
import type { Job, JobInsert } from "../core/job.ts";
import type { JobContext, JobState } from "../../machines/job.ts";
import type { Json } from "../core/json.ts";
import type { Term } from "../core/term.ts";

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

/** The tenants whose requests some jobs are of; null: they are of no request. */
export type Requesters = ReadonlySet<string> | null;

/** What only the database knows of a job that was just stored. */
export interface Placed {
  readonly state: JobState;
  readonly version: number;
  readonly runAt: string;
  readonly createdAt: string;
}

/**
 * One level of a lane: jobs that share (tenant, queue, type, partition key, limit key), and the priority. Jobs with
 * an ordering key have lanes of their own, in which at most one of each key is to be found.
 */
export interface Lane {
  readonly tenantId: string;
  /** Hash of all but the tenant and the priority: the key in the claim index. */
  readonly lane: string;
  readonly priority: number;
  readonly queue: string;
  readonly type: string;
  readonly partitionKey: string | null;
  readonly limitKey: string | null;
  readonly isOrdered: boolean;
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
  /** A single job is expected, as far as is known. */
  readonly isLone?: boolean;
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
  /** The last change of gates that the caller knows: after another one nothing is taken. Null: any. */
  readonly gateChange?: string | null;
}

/** A claim in lanes that have to pass gates. */
export interface LimitedRequest extends ClaimRequest {
  /** Starts per minute of a tenant whose gate names none; null: any number. */
  readonly tenantRate: number | null;
  /** Only this job, at this version; null: any. */
  readonly only: { readonly id: string; readonly version: number } | null;
}

/**
 * A gate that lets nobody pass now. `busy`: another claim is at it; `settling`: what runs already is
 * not counted yet.
 */
export interface Closed extends GateName {
  readonly why: "busy" | "breaker" | "settling" | "paused" | "rate" | "slots";
  /** Milliseconds until it opens by itself; null: not known. */
  readonly ms: number | null;
}

/** What a claim past gates brought. */
export interface LimitedClaim {
  readonly jobs: readonly ClaimedJob[];
  readonly closed: readonly Closed[];
  /** Lanes, by their place in the request, with more due jobs than their gates let pass. */
  readonly cut: readonly number[];
}

/** All gates, and the number of the last change. */
export interface GateList {
  readonly change: string;
  readonly gates: readonly Gate[];
}

/** What the handler of a type declares; null: nothing. */
export interface DeclaredLimits {
  readonly type: string;
  readonly limits: Omit<Limits, "weight" | "backlog"> | null;
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
  /** Lanes of these types that are for others. */
  readonly except: readonly string[];
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
  /** Its end gives slots back. */
  readonly holdsSlots: boolean;
  readonly backoff: Backoff | null;
  readonly metadata: Json;
  readonly tags: readonly string[];
  /** W3C `traceparent` of the last attempt that failed and was traced. */
  readonly failedTrace?: string | null;
  readonly createdAt: Date;
  readonly payload: Json;
  /** Where its row was after the claim, in PostgreSQL's words; left out: not known. */
  readonly ctid?: string | undefined;
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
  /** The lease holds slots: a success gives them back. Left out: it does not. */
  readonly holdsSlots?: boolean;
  /** Others may send the like under the same name: the next version is not this one's own, whatever it says. */
  readonly isOneOfMany?: boolean;
  /** What the decision assumed about a cancel request; null when it makes no difference. */
  readonly cancelKnown: boolean | null;
  /** As of the claim. */
  readonly ctid?: string | undefined;
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
  readonly type: string;
  readonly queue: string;
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
export type Held = Pick<ClaimedJob, "tenantId" | "id" | "version" | "leaseId">;

/** The result of a step, as JSON text. */
export interface SavedStep {
  readonly job: Held;
  readonly attempt: number;
  readonly name: string;
  readonly json: string;
}

/** What became of it; `lost`: its lease was. */
export type StepFate = "saved" | "lost" | { readonly refused: Error };

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
  /** Of its last error. */
  readonly fingerprint?: string | null;
  /** All of them have to hold. */
  readonly terms?: readonly Term[];
  /** No ids below this one. */
  readonly from?: string | null;
  /** Milliseconds since 1970; a term says the same, for more. */
  readonly createdFrom?: number | null;
  readonly createdBefore?: number | null;
}

/** The same as callers write it: what is left out is not asked about. */
export type JobChoice = Pick<JobFilter, "tenantId"> & Partial<JobFilter>;

/** A waiting job as it shall be. */
export interface Edit {
  readonly after: Job;
  /** JSON text; null: unchanged. */
  readonly payloadJson: string | null;
  readonly cause: string;
}

/** A claim of one job by name. */
export interface NamedClaim {
  /** As of `ClaimRequest`. */
  readonly gateChange?: string | null;
  readonly leaseId: string;
  readonly worker: string;
  readonly leaseMs: number;
}

/** What somebody asked for in SQL. */
export interface Letter {
  readonly tenantId: string;
  /** The id the job will have. */
  readonly id: string;
  readonly type: string;
  /** JSON text; null: SQL's null. */
  readonly payloadJson: string | null;
  readonly optionsJson: string;
}

/** What of a job its idempotency key is looked up by. */
export type Keyed = Pick<
  JobInsert,
  "tenantId" | "id" | "idempotencyKey" | "type" | "payloadJson" | "payloadHash"
>;

/** A job that asks for a key that is another's. */
export interface KnownKey {
  readonly id: string;
  readonly key: string;
  /** The job that has it. */
  readonly holder: string;
  /** Its payload is another. */
  readonly differs: boolean;
}

/** How a letter that cannot become a job becomes a dead letter: the machine's way there. */
export interface Burial {
  /** JSON text; null: SQL's null. */
  readonly payloadJson: string | null;
  readonly claim: Decision;
  readonly fail: Decision;
  readonly error: JobError;
  readonly cause: string;
}

/** Sends one statement of ours with its parameters, inside somebody's transaction. */
export type SendStatement = (
  text: string,
  parameters: readonly (string | number | boolean | null)[],
) => Promise<readonly Record<string, unknown>[]>;
