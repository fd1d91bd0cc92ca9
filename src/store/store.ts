/**
 * The port: what the runtime asks of a database, with what each call promises.
 *
 * Every call may throw `UnavailableError` (nothing was written). `insert`, `claim` and `commit` read
 * back an unknown commit result before they answer; the other writes throw `UnknownResultError`, and
 * the caller looks. All times are the database's.
 */
import type { ApiKey, NewApiKey } from "../core/api_key.ts";
import type { AuditEntry, AuditFilter, AuditRecord } from "../core/audit.ts";
import type { Decision } from "../core/lifecycle.ts";
import type { Job, JobInsert, Transition } from "../core/job.ts";
import type { Json } from "../core/json.ts";
import type { Gate, GateName, GateState, Limits } from "../core/gate.ts";
import type { JobName, Tenant } from "../core/listing.ts";

import type { ActorStore } from "./actor_store.ts";
import type { ActorSeats, ActorWatch } from "./seat_records.ts";
import type { FileStore } from "./file_records.ts";
import type { ObserveStore } from "./observations.ts";
import type { BreakerStore, LockStore, OrderStore } from "./gating.ts";
import type { ScheduleStore } from "./schedule_records.ts";
import type { UniqueStore } from "./unique_records.ts";
import type { LogStore } from "./log_records.ts";
import type { Known, Sight } from "./sight.ts";
import type { UiStore } from "./ui_records.ts";
import type { MemberStore } from "./member_records.ts";
import type { OperationStore, RetentionStore, WorkerStore } from "./operation_records.ts";
import type {
  Burial,
  Change,
  ClaimedJob,
  ClaimRequest,
  DeclaredLimits,
  Edit,
  Entered,
  ExpiredJob,
  ExpiredLeases,
  GateList,
  Held,
  Inserted,
  JobFilter,
  Keyed,
  KnownKey,
  Lane,
  Letter,
  LimitedClaim,
  LimitedRequest,
  NamedClaim,
  Refusal,
  Renewal,
  Requesters,
  Requeued,
  SavedStep,
  SendStatement,
  Served,
  StateCount,
  StepFate,
  Suspect,
  TransactionSql,
} from "./records.ts";

export type * from "./observations.ts";
export type * from "./records.ts";
export type * from "./actor_records.ts";
export type * from "./actor_store.ts";
export type * from "./seat_records.ts";
export type * from "./sight.ts";
export type * from "./file_records.ts";
export type * from "./gating.ts";
export type * from "./schedule_records.ts";
export type * from "./unique_records.ts";
export type * from "./log_records.ts";
export type * from "./ui_records.ts";
export type * from "./operation_records.ts";
export type * from "./member_records.ts";

/** What clients do with jobs. */
export interface JobStore {
  /**
   * Stores jobs, all or none, in order. A known idempotency key gives its own job.
   *
   * @throws {RefusedError} PostgreSQL refuses one of them.
   */
  insert(jobs: readonly JobInsert[]): Promise<Inserted[]>;
  /**
   * The same, with more to tell; and wakes the workers of `lanes`. Behind the wall PostgreSQL refuses what
   * is not of one of the requesters.
   */
  enter(
    jobs: readonly JobInsert[],
    lanes: readonly Lane[],
    requesters?: Requesters,
  ): Promise<Entered[]>;
  /**
   * Stores plain jobs as claimed by a worker of this process, in the order of `jobs`; null: one of them
   * is not plain, or the gates have changed; nothing was stored.
   *
   * @throws {UnknownResultError} They may be stored and claimed: ask `leased`.
   */
  enterStarted(jobs: readonly JobInsert[], lease: NamedClaim): Promise<ClaimedJob[] | null>;
  /** The same inside the caller's transaction: stored when it commits. */
  insertIn(send: SendStatement, jobs: readonly JobInsert[]): Promise<Inserted[]>;
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
  /** Which of these, were they to come in, would be answered with the job that has their key. */
  known(jobs: readonly Keyed[]): Promise<KnownKey[]>;
  /** Which of these jobs are no longer live. */
  ended(jobs: readonly JobName[]): Promise<string[]>;
  /** Committed steps after a version, ascending. */
  history(job: Job, afterVersion: number, limit: number): Promise<Transition[]>;
  counts(tenantId: string | null): Promise<StateCount[]>;
  /** Notes a wish to cancel a running job, without a new version: since when. Null: it moved on. */
  requestCancel(job: Job, reason?: string): Promise<string | null>;
  /** Changes a waiting job. False: it moved on. @throws {RefusedError} */
  edit(job: Job, decision: Decision, edit: Edit): Promise<boolean>;
  /** Deletes an ended job, not its history. False: it moved on. */
  remove(job: Job): Promise<boolean>;
  /** Tenants by name, after one. */
  tenants(after: string, limit: number): Promise<Tenant[]>;
  /** Brings an ended job back. */
  requeue(job: Job, decision: Decision, cause: string): Promise<Requeued>;
}

/** What the renewal of one lease found out. `leaseUntil` null: it is of other jobs too, and was left alone. */
export interface NamedRenewal {
  readonly leaseUntil: string | null;
  readonly cancelRequestedAt: string | null;
}

/** What workers do with jobs. */
export interface WorkStore {
  /** What there is to look for; of what is known, nothing is asked. */
  glance(known?: Known): Promise<Sight>;
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
  /** Milliseconds until the next job of these comes due; 0: it is due; null: none waits. */
  nextDue(served: Served): Promise<number | null>;
  /** Claims one job by name. False: it moved on, or is not due. */
  claimNamed(job: Job, decision: Decision, claim: NamedClaim): Promise<boolean>;
  /** The jobs under one lease, as `claim` gave them. */
  leased(leaseId: string): Promise<ClaimedJob[]>;
  /**
   * Commits decisions, each guarded by its version: a batch shares no fate. Gives what was refused.
   */
  commit(worker: string | null, changes: readonly Change[]): Promise<Refusal[]>;
  renew(worker: string, leaseIds: readonly string[], leaseMs: number): Promise<Renewal>;
  /** Renews the lease of one running job, if it is of that job alone. Null: it was lost. */
  renewNamed(job: Job, leaseMs: number): Promise<NamedRenewal | null>;
  /** False: the lease was lost. */
  saveProgress(job: Held, json: string): Promise<boolean>;
  /** Stores results of steps, each guarded by its job's lease. Gives what became of each. */
  saveSteps(steps: readonly SavedStep[]): Promise<StepFate[]>;
  steps(job: Held): Promise<ReadonlyMap<string, Json>>;
  /**
   * Runs `write` in a transaction whose last statement commits the change that `finish` makes of
   * its result; `also` writes for Perdura itself right before. A throw rolls everything back.
   *
   * @throws {LeaseLostError} The fence refused; nothing was written.
   */
  transaction<T>(
    by: { readonly worker: string; readonly tenantId: string },
    write: (sql: TransactionSql) => Promise<T>,
    finish: (result: T) => Change,
    also?: (send: SendStatement) => Promise<void>,
  ): Promise<T>;
  /**
   * Runs `write` in a transaction whose last statement stores the step that `finish` makes of its
   * result: both or neither, once.
   *
   * @throws {LeaseLostError} The fence refused; nothing was written.
   */
  stepTransaction<T>(
    tenantId: string,
    write: (sql: TransactionSql) => Promise<T>,
    finish: (result: T) => SavedStep,
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
  /** Jobs have come; `isLone`: a single one. */
  | { readonly kind: "lanes"; readonly lanes: readonly Lane[]; readonly isLone?: boolean }
  | { readonly kind: "cancel" }
  /** There is mail for actors; `isOld`: some of it was due long ago. */
  | { readonly kind: "mail"; readonly isOld: boolean }
  /** Somebody waits for jobs: say for a while which ones end. */
  | { readonly kind: "watch" }
  /** These jobs ended; without ids: some did. */
  | { readonly kind: "ended"; readonly ids: readonly string[] };

/** What the API and the command line ask of the table of keys. */
export interface KeyStore {
  /** False: `onlyFirst`, and there is a live platform key. */
  addKey(key: NewApiKey, onlyFirst: boolean): Promise<boolean>;
  findKey(id: string): Promise<{ key: ApiKey; hash: string } | null>;
  listKeys(tenantId: string | null, before: string | null, limit: number): Promise<ApiKey[]>;
  /** Whether one is still good. */
  hasKey(): Promise<boolean>;
  /** False: there is none of this tenant. */
  revokeKey(tenantId: string | null, id: string): Promise<boolean>;
  /** Ends it after so many milliseconds. False: there is none of this tenant. */
  expireKey(tenantId: string | null, id: string, afterMs: number): Promise<boolean>;
  touchKey(id: string): Promise<void>;
}

/** What operators did: there is no way to change it. */
export interface AuditStore {
  record(entry: AuditEntry): Promise<void>;
  /** Newest first, of ids before `before`. */
  list(filter: AuditFilter, before: string | null, limit: number): Promise<AuditRecord[]>;
}

/** Limits, and claims that obey them. */
export interface GateStore {
  /** How often this process has set something: what was read before that is not what is set. */
  readonly changes: number;
  /** All gates; null: nothing has changed since `known`. */
  read(known: string | null): Promise<GateList | null>;
  /**
   * Takes due jobs under one new lease, in lanes that have to pass gates: never more than any of them
   * lets pass.
   *
   * @throws {UnknownResultError} They may have been taken: ask `leased`.
   */
  claim(request: LimitedRequest): Promise<LimitedClaim>;
  /** Every process obeys within `UNAWARE_MS`; where a gate had limits already, at once. */
  setLimits(gate: GateName, limits: Limits): Promise<void>;
  /** What handlers declare, unless an operator has said otherwise. True: something has changed. */
  declare(declared: readonly DeclaredLimits[]): Promise<boolean>;
  setPause(gate: GateName, isPaused: boolean, isDraining: boolean): Promise<void>;
  /** Makes the gates of tenants that have none. */
  open(tenants: readonly string[]): Promise<void>;
  /** Counts what runs past new limits, where every process knows of them. Gives how many took hold. */
  settle(): Promise<number>;
  /**
   * Those of these gates that there are, with the first so many holders of their slots. A request of a tenant
   * sees the holders of its own, and how many there are of all.
   *
   * @param tenantRate Starts per minute of a tenant whose gate names none.
   */
  states(
    names: readonly GateName[],
    holders: number,
    tenantRate?: number | null,
  ): Promise<GateState[]>;
  /** Names of a tenant's gates of one kind. */
  names(tenantId: string, kind: Gate["kind"]): Promise<string[]>;
}

/** What SQL callers have asked for. */
export interface InboxStore {
  /** The next ones after one of them; null: from the first. */
  letters(limit: number, after: Pick<Letter, "tenantId" | "id"> | null): Promise<Letter[]>;
  /** Takes letters out and stores their jobs. Gives the ids of those it got. @throws {RefusedError} */
  take(jobs: readonly JobInsert[]): Promise<string[]>;
  /** Takes one out: what it asks for is there. */
  drop(letter: Letter): Promise<void>;
  /** Makes a dead letter of the letter with the id of this job. False: somebody else has taken it. */
  bury(job: JobInsert, burial: Burial): Promise<boolean>;
}

/** Everything, and its end. */
export interface Store extends JobStore, WorkStore, SweepStore, HintStore {
  readonly keys: KeyStore;
  readonly audit: AuditStore;
  readonly gates: GateStore;
  readonly order: OrderStore;
  readonly breakers: BreakerStore;
  readonly locks: LockStore;
  readonly inbox: InboxStore;
  readonly actors: ActorStore & ActorSeats & ActorWatch;
  readonly files: FileStore;
  readonly observer: ObserveStore;
  readonly schedules: ScheduleStore;
  readonly uniques: UniqueStore;
  readonly logs: LogStore;
  readonly operations: OperationStore;
  readonly members: MemberStore;
  readonly workers: WorkerStore;
  readonly retention: RetentionStore;
  /**
   * Runs `work` for a client of one tenant: what it reads and changes passes row-level security, where
   * that is in place. Null: for no client, whoever has caused it; so do workers.
   */
  within<T>(tenantId: string | null, work: () => T): T;
  /** The tenant for whose client this is done; null: for none. */
  requester(): string | null;
  /** Whether row-level security is in place. */
  hasWall(): Promise<boolean>;
  readonly ui: UiStore;
  /** True when the database takes writes. Throws `UnavailableError` when it cannot be reached. */
  isWritable(): Promise<boolean>;
  close(): Promise<void>;
}
