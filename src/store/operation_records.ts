/** What the calls about operations take and give. */
import type { ItemOutcome, JobSelection, OperationAction } from "../core/operation.ts";
import type { JobContext, JobState } from "../../machines/job.ts";
import type { RetentionPolicy } from "../core/retention.ts";
import type { Json } from "../core/json.ts";
import type { JobName } from "../core/listing.ts";
import type { Decision } from "../core/lifecycle.ts";
import type { ActorName, ActorStatus } from "./actor_records.ts";
import type { Change, SendStatement } from "./records.ts";

/** An operation to be begun. Its name is its actor's. */
export interface NewOperation extends ActorName {
  readonly action: OperationAction;
  /** As it was asked for, JSON. */
  readonly filter: object;
  /** Jobs in a second; null: as fast as it goes. */
  readonly rate: number | null;
  /** Of a reschedule. */
  readonly runAt: string | null;
  /** In the history of its jobs. */
  readonly cause: string;
  readonly requestedBy: string | null;
  /** Jobs in one part. */
  readonly partJobs: number;
}

/** How much an operation has to do. */
export interface Frozen {
  readonly matched: number;
  readonly parts: number;
}

/** What an operation would do. */
export interface Foreseeable {
  readonly matched: number;
  readonly sample: readonly JobName[];
}

/** One job of a part as it is now; `now` null: it is not there any more. */
export interface PartJob extends JobName {
  /** The version that was chosen. */
  readonly wanted: number;
  readonly now: {
    readonly version: number;
    readonly state: JobState;
    readonly context: JobContext;
  } | null;
}

/** A job and the version to change it at. */
export interface Versioned extends JobName {
  readonly version: number;
}

/** The same, and the state it has. */
export interface Chosen extends Versioned {
  readonly state: JobState;
}

/** An operation as it is stored, with where its actor is; `status` null: the actor is not there. */
export interface OperationRow extends ActorName {
  readonly isWide: boolean;
  readonly action: OperationAction;
  readonly filter: Json;
  readonly rate: number | null;
  readonly runAt: string | null;
  readonly cause: string;
  readonly requestedBy: string | null;
  readonly createdAt: string;
  readonly matched: number;
  readonly parts: number;
  readonly done: number;
  readonly skipped: number;
  readonly status: ActorStatus | null;
  readonly state: string | null;
  readonly fault: Json;
  readonly updatedAt: string | null;
}

/** Dead letters whose errors are alike. */
export interface ErrorGroup {
  /** Empty: stored before there were fingerprints. */
  readonly fingerprint: string;
  readonly count: number;
  readonly firstSeenAt: string | null;
  readonly lastSeenAt: string | null;
  /** When it was last seen, to the microsecond: for the next page. */
  readonly place: string;
  /** The newest of them; null: just gone. */
  readonly sample: {
    readonly jobId: string;
    readonly type: string;
    readonly queue: string;
    readonly name: string | null;
    readonly message: string | null;
  } | null;
}

/** One job of an operation; `outcome` null: not yet. */
export interface OperationItem extends JobName {
  /** Its place: part, and number in it. */
  readonly place: readonly [part: number, index: number];
  readonly outcome: ItemOutcome | null;
  readonly at: string | null;
}

/** What a worker says of itself. */
export interface WorkerBeat {
  readonly id: string;
  /** So often it says so, milliseconds. */
  readonly everyMs: number;
  readonly version: string;
  readonly types: readonly string[];
  readonly machines: readonly string[];
  /** Null: all. */
  readonly queues: readonly string[] | null;
  readonly partitionKey: string | null;
  readonly concurrency: number;
  /** Handlers that run now. */
  readonly running: number;
  /** The charts whose work it does, as the partitions of that name them. Null: it does not say so. */
  readonly charts: readonly string[] | null;
}

/** The same as it was last heard. */
export interface WorkerRow extends WorkerBeat {
  readonly startedAt: string;
  readonly beatAt: string;
  /** It has missed two of its beats at most. */
  readonly isAlive: boolean;
}

/** Who works. */
export interface WorkerStore {
  beat(worker: WorkerBeat): Promise<void>;
  /** It has stopped. */
  leave(id: string): Promise<void>;
  list(): Promise<WorkerRow[]>;
}

/** How long what has ended is kept. */
export interface RetentionStore {
  /** `tenantId` null: of all; else its own and those of all tenants. */
  list(tenantId: string | null): Promise<RetentionPolicy[]>;
  /** One from the settings does not replace one of an operator. */
  set(policy: RetentionPolicy): Promise<void>;
  /** False: there is none. */
  drop(
    policy: Pick<RetentionPolicy, "tenantId" | "type" | "state">,
    onlyDeclared: boolean,
  ): Promise<boolean>;
  /** Removes some of what is not to be kept: bounded, for every sweep. Gives how many jobs. */
  enforce(): Promise<number>;
}

/** What became of the plain jobs of a part. `size` 0: the part has been carried out. */
export interface PartRevived {
  readonly size: number;
  /** Places in the part, from 0, of those that are to be looked at one by one. */
  readonly rest: readonly number[];
}

/**
 * What the runtime asks of a database about operations. What takes `send` runs inside of a transaction:
 * the one that commits the operation's turn.
 */
export interface OperationStore {
  /** Counts exactly, names the first few, freezes nothing. */
  foresee(selection: JobSelection, sample: number): Promise<Foreseeable>;
  /** Chooses the jobs: from now on the operation is about these, at these versions. */
  freeze(send: SendStatement, selection: JobSelection, operation: NewOperation): Promise<Frozen>;
  /** The operation, as this transaction sees it. */
  readIn(send: SendStatement, operation: ActorName): Promise<OperationRow>;
  /** The jobs of a part; none: it has been carried out. */
  part(send: SendStatement, operation: ActorName, part: number): Promise<PartJob[]>;
  /** Commits decisions about live jobs that nobody runs. Gives the names of those that have moved on. */
  change(send: SendStatement, changes: readonly Change[]): Promise<JobName[]>;
  /** The same as they were chosen, without a look at each. */
  names(send: SendStatement, operation: ActorName, part: number): Promise<Versioned[]>;
  /** Brings back the plain jobs of a part, unseen: those without a key of any kind. */
  requeuePart(
    send: SendStatement,
    operation: ActorName,
    part: number,
    from: readonly JobState[],
    decision: Decision,
    cause: string,
  ): Promise<PartRevived>;
  /** Brings jobs back that have ended in one of these states. `decision` is the same for all. */
  requeue(
    send: SendStatement,
    jobs: readonly Versioned[],
    from: readonly JobState[],
    decision: Decision,
    cause: string,
  ): Promise<(JobName & { readonly outcome: "revived" | "moved" | "key_taken" })[]>;
  /** Deletes ended jobs. Gives the names of those that are gone. */
  remove(send: SendStatement, jobs: readonly Chosen[]): Promise<JobName[]>;
  /** Asks running jobs to end. Gives the names of those that were asked. */
  requestCancel(send: SendStatement, jobs: readonly Chosen[], reason: string): Promise<JobName[]>;
  /**
   * Notes what became of a part's jobs, in its order, unless it is noted already, and mails the
   * operation `event` (null: nothing).
   */
  partDone(
    send: SendStatement,
    operation: ActorName,
    part: number,
    outcomes: readonly ItemOutcome[],
    event: { readonly type: string } | null,
  ): Promise<void>;
  /** A transaction of its own. Rejects, and nothing is written, when `work` rejects. */
  apart(operation: ActorName, work: (send: SendStatement) => Promise<void>): Promise<void>;
  /**
   * Whether a part is to be carried out: then nobody else does, until the end of the transaction.
   * `waits`: for whoever is at it; otherwise his part is none of ours.
   */
  takePart(
    send: SendStatement,
    operation: ActorName,
    part: number,
    waits: boolean,
  ): Promise<boolean>;
  /** Whether the operation runs: it does then until the end of the transaction. */
  holdRunning(send: SendStatement, operation: ActorName): Promise<boolean>;
  /** Id of an operation under way with the same action and filter. */
  same(operation: Pick<NewOperation, "tenantId" | "action" | "filter">): Promise<string | null>;
  /** Id of another operation under way that has yet to come to some of the jobs of this one. */
  overlapping(send: SendStatement, operation: ActorName): Promise<string | null>;
  /** One operation. `tenantId` null: of any tenant, or over many. */
  get(tenantId: string | null, id: string): Promise<OperationRow | null>;
  /** Newest first, of ids before `before` (null: from the newest). */
  list(tenantId: string | null, before: string | null, limit: number): Promise<OperationRow[]>;
  /** Groups of a tenant's dead letters, the last seen first, after one of them. */
  errorGroups(
    tenantId: string,
    after: Pick<ErrorGroup, "place" | "fingerprint"> | null,
    limit: number,
  ): Promise<ErrorGroup[]>;
  /** In the order in which they are carried out, after a place. */
  items(
    operation: ActorName,
    after: readonly [part: number, index: number],
    limit: number,
  ): Promise<OperationItem[]>;
}
