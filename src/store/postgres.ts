/** The store on PostgreSQL: the port's calls as single statements. */
import { UnavailableError } from "../core/errors.ts";
import type { Job, JobInsert, Transition } from "../core/job.ts";
import type { Json } from "../core/json.ts";
import type { JobName, Tenant } from "../core/listing.ts";
import { tagOf } from "../core/id.ts";
import type { Decision } from "../core/lifecycle.ts";
import * as sql from "../../sql/mod.ts";
import { PostgresActors } from "./actors.ts";
import { PostgresAudit } from "./audit.ts";
import { PostgresBreakers } from "./breakers.ts";
import { toClaimed } from "./claimed.ts";
import { claimJobs } from "./claiming.ts";
import { commitChanges } from "./commits.ts";
import type { Database } from "./database.ts";
import { Enqueue } from "./enqueue.ts";
import { PostgresFiles } from "./files.ts";
import { PostgresUi } from "./ui.ts";
import { PostgresGates } from "./gates.ts";
import { Hints } from "./hints.ts";
import { keyHolder, listEdge, listHistory, listJobs, listTenants, nthNewest } from "./listing.ts";
import { PostgresInbox } from "./inbox.ts";
import { PostgresKeys } from "./keys.ts";
import { column } from "./literal.ts";
import { PostgresLocks } from "./locks.ts";
import { PostgresMembers } from "./members.ts";
import { PostgresOrder } from "./ordering.ts";
import { PostgresOperations } from "./operations.ts";
import { maintain, overdueCancels } from "./maintenance.ts";
import {
  field,
  toCount,
  toExpired,
  toId,
  toJob,
  toLane,
  toRenewed,
  toSight,
  toStep,
  toSuspect,
} from "./rows.ts";
import type {
  Change,
  ClaimedJob,
  ClaimRequest,
  Edit,
  ExpiredJob,
  ExpiredLeases,
  FileStore,
  GateStore,
  Held,
  Hint,
  InboxStore,
  Inserted,
  JobFilter,
  KeyStore,
  Known,
  Lane,
  NamedClaim,
  OperationStore,
  Refusal,
  Renewal,
  Requesters,
  Requeued,
  RetentionStore,
  SavedStep,
  SendStatement,
  Served,
  Sight,
  StateCount,
  StepFate,
  Store,
  Suspect,
  TransactionSql,
  UiStore,
  WorkerStore,
} from "./store.ts";
import { namesOf, servedParameters } from "./served.ts";
import { saveSteps } from "./saving_steps.ts";
import { sealWithChange, sealWithStep } from "./sealing.ts";
import { PostgresObserver } from "./observing.ts";
import * as single from "./single.ts";
import { type RequestDatabase, requester, withinTenant } from "./request.ts";
import { PostgresSchedules } from "./schedules.ts";
import { PostgresUniques } from "./uniques.ts";
import { PostgresLogs } from "./job_logs.ts";
import { PostgresRetention } from "./retention.ts";
import { PostgresWorkers } from "./workers.ts";
import { Transactions } from "./transaction.ts";

const QUARANTINE_RETRY_MS = 5 * 60_000;

/** Everything that the port promises. */
export class PostgresStore implements Store {
  readonly keys: KeyStore;
  readonly audit: PostgresAudit;
  readonly gates: GateStore;
  readonly order: Store["order"];
  readonly breakers: Store["breakers"];
  readonly locks: Store["locks"];
  readonly inbox: InboxStore;
  readonly actors: Store["actors"];
  readonly files: FileStore;
  readonly observer: PostgresObserver;
  readonly schedules;
  readonly uniques;
  readonly logs;
  readonly ui: UiStore;
  readonly operations: OperationStore;
  readonly members;
  readonly workers: WorkerStore;
  readonly retention: RetentionStore;
  readonly #db: Database;
  /** What clients ask for. */
  readonly #requests: RequestDatabase;
  readonly claimNamed: Store["claimNamed"] = (...of) => single.claimNamed(this.#requests, ...of);
  readonly renewNamed: Store["renewNamed"] = (...of) => single.renewNamed(this.#requests, ...of);
  readonly known: Store["known"] = (jobs) => this.#enqueue.known(jobs);
  readonly #enqueue: Enqueue;
  readonly #hints: Hints;
  readonly #transactions: Transactions;
  readonly within = withinTenant;
  readonly requester = requester;

  constructor(db: Database, requests: RequestDatabase) {
    this.#db = db;
    this.#requests = requests;
    this.keys = new PostgresKeys(db, requests);
    this.audit = new PostgresAudit(requests);
    this.observer = new PostgresObserver(db);
    this.gates = new PostgresGates(db, requests);
    this.order = new PostgresOrder(db, requests);
    this.breakers = new PostgresBreakers(requests);
    this.locks = new PostgresLocks(db);
    this.#enqueue = new Enqueue(requests, requests);
    this.inbox = new PostgresInbox(db, this.#enqueue);
    this.#hints = new Hints(db);
    this.#transactions = new Transactions(db.options, () => requests.behind());
    this.operations = new PostgresOperations(requests, this.#transactions);
    this.members = new PostgresMembers(requests, this.#enqueue);
    this.workers = new PostgresWorkers(db);
    this.retention = new PostgresRetention(requests);
    this.actors = new PostgresActors(db, requests, this.#transactions, this.#enqueue);
    this.files = new PostgresFiles(requests);
    this.schedules = new PostgresSchedules(db, requests, this.#enqueue);
    this.uniques = new PostgresUniques(requests, this.#enqueue);
    this.logs = new PostgresLogs(db, requests);
    this.ui = new PostgresUi(requests);
  }

  insert(jobs: readonly JobInsert[]): Promise<Inserted[]> {
    return this.#enqueue.insertMany(jobs);
  }

  async enter(jobs: readonly JobInsert[], lanes: readonly Lane[], of: Requesters = null) {
    const enqueue = await this.#enqueue.for(of);
    return await this.#hints.tellOf(lanes, jobs, (ahead) => enqueue.insert(jobs, ahead));
  }

  enterStarted(jobs: readonly JobInsert[], lease: NamedClaim): Promise<ClaimedJob[] | null> {
    return this.#enqueue.insertStarted(jobs, lease);
  }

  insertIn(send: SendStatement, jobs: readonly JobInsert[]): Promise<Inserted[]> {
    return this.#enqueue.insertIn(send, jobs);
  }

  async nextDue(served: Served): Promise<number | null> {
    const [row] = await this.#db.query(sql.nextDue, servedParameters(served));
    return row?.ms === null ? null : field<number>(row, "ms");
  }

  async get(tenantId: string | null, id: string): Promise<Job | null> {
    const [row] = await this.#requests.query(sql.get, [tenantId, id, tagOf(id)]);
    return row ? toJob(row) : null;
  }

  list(filter: JobFilter, before: string | null, limit: number): Promise<Job[]> {
    return listJobs(this.#requests, filter, before, limit);
  }

  listEdge(filter: JobFilter, before: string | null, rows: number): Promise<string | null> {
    return listEdge(this.#requests, filter, before, rows);
  }

  nthNewest(tenantId: string, n: number): Promise<string | null> {
    return nthNewest(this.#requests, tenantId, n);
  }

  keyHolder(tenantId: string, key: string): Promise<string | null> {
    return keyHolder(this.#requests, tenantId, key);
  }

  tenants(after: string, limit: number): Promise<Tenant[]> {
    return listTenants(this.#requests, after, limit);
  }

  edit(job: Job, decision: Decision, edit: Edit): Promise<boolean> {
    return single.editJob(this.#requests, job, decision, edit);
  }

  remove(job: Job): Promise<boolean> {
    return single.removeJob(this.#requests, job);
  }

  async ended(jobs: readonly JobName[]): Promise<string[]> {
    const rows = await this.#db.query(sql.ended, namesOf(jobs));
    return rows.map(toId);
  }

  history(job: Job, afterVersion: number, limit: number): Promise<Transition[]> {
    return listHistory(this.#requests, job, afterVersion, limit);
  }

  async counts(tenantId: string | null): Promise<StateCount[]> {
    return (await this.#requests.query(sql.counts, [tenantId])).map(toCount);
  }

  requestCancel(job: Job, reason?: string): Promise<string | null> {
    return single.requestCancel(this.#requests, job, reason);
  }

  requeue(job: Job, decision: Decision, cause: string): Promise<Requeued> {
    return single.requeueJob(this.#requests, job, decision, cause);
  }

  async lanes(): Promise<Lane[]> {
    return (await this.#db.query(sql.lanes)).map(toLane);
  }

  async glance({ jobs, mail }: Known = { jobs: null, mail: null }): Promise<Sight> {
    return toSight((await this.#db.query(sql.glance, [jobs, mail]))[0]);
  }

  async suspects(served: Served, limit: number): Promise<Suspect[]> {
    return (await this.#db.query(sql.suspects, [...servedParameters(served), limit])).map(
      toSuspect,
    );
  }

  claim(request: ClaimRequest): Promise<ClaimedJob[]> {
    return claimJobs(this.#db, request);
  }

  async leased(leaseId: string): Promise<ClaimedJob[]> {
    return toClaimed(await this.#db.query(sql.leased, [leaseId]), leaseId);
  }

  commit(worker: string | null, changes: readonly Change[]): Promise<Refusal[]> {
    return commitChanges(this.#requests, { worker, expiredOnly: false }, changes);
  }

  async renew(worker: string, leaseIds: readonly string[], leaseMs: number): Promise<Renewal> {
    const ids = column(leaseIds, (id) => id);
    const rows = (await this.#db.query(sql.renew, [ids, worker, leaseMs])).map(toRenewed);
    return {
      renewed: rows.map((row) => row.leaseId),
      cancels: rows.flatMap((row) => row.cancels),
    };
  }

  async saveProgress(job: Held, json: string): Promise<boolean> {
    const parameters = [job.tenantId, job.id, job.version, json, job.leaseId];
    return (await this.#db.query(sql.progress, parameters)).length > 0;
  }

  saveSteps(steps: readonly SavedStep[]): Promise<StepFate[]> {
    return saveSteps(this.#db, steps);
  }

  async steps(job: Held): Promise<ReadonlyMap<string, Json>> {
    return new Map((await this.#db.query(sql.steps, [job.tenantId, job.id])).map(toStep));
  }

  transaction<T>(
    { worker, tenantId }: { readonly worker: string; readonly tenantId: string },
    write: (sql: TransactionSql) => Promise<T>,
    finish: (result: T) => Change,
    also?: (send: SendStatement) => Promise<void>,
  ): Promise<T> {
    const bounds = { isBrief: also === undefined };
    return this.#transactions.run(tenantId, write, sealWithChange(worker, finish, also), bounds);
  }

  stepTransaction<T>(
    tenantId: string,
    write: (sql: TransactionSql) => Promise<T>,
    finish: (result: T) => SavedStep,
  ): Promise<T> {
    return this.#transactions.run(tenantId, write, sealWithStep(finish), { isBrief: true });
  }

  async expired(leases: number): Promise<ExpiredLeases> {
    const rows = await this.#db.query(sql.expired, [leases]);
    return {
      leaseIds: [...new Set(rows.map((row) => field<string>(row, "l")))],
      jobs: rows.map(toExpired).filter((job) => job !== null),
    };
  }

  recover(sweeper: string, changes: readonly Change[]): Promise<Refusal[]> {
    return commitChanges(this.#db, { worker: sweeper, expiredOnly: true }, changes);
  }

  async dropLeases(leaseIds: readonly string[]): Promise<void> {
    await this.#db.query(sql.dropLeases, [column(leaseIds, (id) => id)]);
  }

  overdueCancels(graceMs: number, limit: number): Promise<ExpiredJob[]> {
    return overdueCancels(this.#db, graceMs, limit);
  }

  async quarantine({ tenantId, id, leaseId }: Change, reason: string): Promise<void> {
    const parameters = [tenantId, id, reason, leaseId, QUARANTINE_RETRY_MS];
    await this.#db.query(sql.quarantine, parameters);
  }

  async release(changes: readonly Change[]): Promise<void> {
    await this.#db.query(sql.forgetQuarantine, namesOf(changes));
  }

  maintain(): Promise<void> {
    return maintain(this.#db);
  }

  hint(message: Hint): void {
    this.#hints.hint(message);
  }

  onHint(onHint: (message: Hint | null) => void): Promise<() => Promise<void>> {
    return this.#hints.onHint(onHint);
  }

  hasWall(): Promise<boolean> {
    return this.#requests.hasWall();
  }

  async isWritable(): Promise<boolean> {
    const [row] = await this.#db.query(sql.health);
    if (!row) throw new UnavailableError("The database gave no answer");
    return field<boolean>(row, "writable");
  }

  async close(): Promise<void> {
    this.#hints.close();
    await this.#transactions.close();
    await this.#requests.close();
    await this.#db.close();
  }
}
