/** Operations on PostgreSQL. */
import { eventCode, stateCode } from "../core/codes.ts";
import { newId } from "../core/id.ts";
import type { JobName } from "../core/listing.ts";
import type { JobState } from "../../machines/job.ts";
import type { Decision } from "../core/lifecycle.ts";
import { KEY_TTL_MS } from "../core/limits.ts";
import { ITEM_OUTCOMES, type ItemOutcome, type JobSelection } from "../core/operation.ts";
import * as sql from "../../sql/mod.ts";
import type { ActorName } from "./actor_records.ts";
import { commitStatement, orderedChanges } from "./changes.ts";
import type { Database, Parameter } from "./database.ts";
import { homesOf, termColumns } from "./listing.ts";
import { column, quoted, repeated } from "./literal.ts";
import type {
  Chosen,
  ErrorGroup,
  Foreseeable,
  Frozen,
  NewOperation,
  OperationItem,
  OperationRow,
  OperationStore,
  PartJob,
  PartRevived,
  Versioned,
} from "./operation_records.ts";
import {
  toErrorGroup,
  toFrozen,
  toItem,
  toOperation,
  toPartJob,
  toPartRevived,
  toSample,
  toVersioned,
} from "./operation_rows.ts";
import type { Change, SendStatement } from "./records.ts";
import { field, toId, toJobName } from "./rows.ts";
import type { Transactions } from "./transaction.ts";

/** Parts that one page of items looks at. */
const PARTS_OF_PAGE = 50;

/** The operations of a database. */
export class PostgresOperations implements OperationStore {
  readonly #db: Database;
  readonly #transactions: Transactions;

  constructor(db: Database, transactions: Transactions) {
    this.#db = db;
    this.#transactions = transactions;
  }

  async foresee(selection: JobSelection, sample: number): Promise<Foreseeable> {
    const [row] = await this.#db.query(
      sql.operationFreeze,
      freezeParameters(selection, null, sample),
    );
    return { matched: field<number>(row, "matched"), sample: row ? toSample(row) : [] };
  }

  async freeze(
    send: SendStatement,
    selection: JobSelection,
    operation: NewOperation,
  ): Promise<Frozen> {
    const [row] = await send(sql.operationFreeze, freezeParameters(selection, operation, 0));
    return toFrozen(row);
  }

  async readIn(send: SendStatement, { tenantId, id }: ActorName): Promise<OperationRow> {
    const [row] = await send(sql.operationList, [null, id, null, 1]);
    if (!row) throw new Error(`There is no operation ${id} of tenant "${tenantId}"`);
    return toOperation(row);
  }

  async part(send: SendStatement, { tenantId, id }: ActorName, part: number): Promise<PartJob[]> {
    return (await send(sql.operationPart, [tenantId, id, part])).map(toPartJob);
  }

  async names(
    send: SendStatement,
    { tenantId, id }: ActorName,
    part: number,
  ): Promise<Versioned[]> {
    return (await send(sql.operationNames, [tenantId, id, part])).map(toVersioned);
  }

  async change(send: SendStatement, changes: readonly Change[]): Promise<JobName[]> {
    if (changes.length === 0) return [];
    const options = { worker: null, expiredOnly: false };
    const { text, parameters } = commitStatement(options, orderedChanges(changes));
    return (await send(text, parameters)).map(toJobName);
  }

  async requeuePart(
    send: SendStatement,
    { tenantId, id }: ActorName,
    part: number,
    from: readonly JobState[],
    decision: Decision,
    cause: string,
  ): Promise<PartRevived> {
    const states = [column(from, stateCode), stateCode(decision.to), eventCode(decision.event)];
    const [row] = await send(sql.requeuePart, [tenantId, id, part, ...states, cause]);
    return row ? toPartRevived(row) : { size: 0, rest: [] };
  }

  async requeue(
    send: SendStatement,
    jobs: readonly Versioned[],
    from: readonly JobState[],
    decision: Decision,
    cause: string,
  ): ReturnType<OperationStore["requeue"]> {
    if (jobs.length === 0) return [];
    const rows = await send(sql.requeue, requeueParameters(jobs, from, decision, cause));
    return rows.map((row) => ({
      ...toJobName(row),
      outcome: field<"revived" | "moved" | "key_taken">(row, "outcome"),
    }));
  }

  async remove(send: SendStatement, jobs: readonly Chosen[]): Promise<JobName[]> {
    if (jobs.length === 0) return [];
    return (await send(sql.remove, removeParameters(jobs))).map(toJobName);
  }

  async requestCancel(
    send: SendStatement,
    jobs: readonly Chosen[],
    reason: string,
  ): Promise<JobName[]> {
    const [first] = jobs;
    if (!first) return [];
    return (await send(sql.requestCancel, cancelParameters(jobs, reason))).map(toJobName);
  }

  async partDone(
    send: SendStatement,
    { tenantId, id }: ActorName,
    part: number,
    outcomes: readonly ItemOutcome[],
    event: { readonly type: string } | null,
  ): Promise<void> {
    const codes = outcomes.map((outcome) => ITEM_OUTCOMES.indexOf(outcome));
    await send(sql.operationPartDone, [
      tenantId,
      id,
      part,
      column(codes, (code) => code),
      codes.filter((code) => code === 0).length,
      newId(),
      event && JSON.stringify({ event }),
    ]);
  }

  async apart(
    { tenantId }: ActorName,
    work: (send: SendStatement) => Promise<void>,
  ): Promise<void> {
    await this.#transactions.run(tenantId, () => Promise.resolve(), work);
  }

  async takePart(
    send: SendStatement,
    { tenantId, id }: ActorName,
    part: number,
    waits: boolean,
  ): Promise<boolean> {
    const rows = await send(waits ? sql.operationPartTake : sql.operationPartTry, [
      tenantId,
      id,
      part,
    ]);
    return rows.length > 0;
  }

  async holdRunning(send: SendStatement, { tenantId, id }: ActorName): Promise<boolean> {
    const rows = await send(sql.operationHold, [tenantId, id, "active", "running"]);
    return rows.length > 0;
  }

  async same(
    { tenantId, action, filter }: Pick<NewOperation, "tenantId" | "action" | "filter">,
  ): Promise<string | null> {
    const parameters = [tenantId, action, JSON.stringify(filter), "active", "stopped"];
    const [row] = await this.#db.query(sql.operationSame, parameters);
    return row ? toId(row) : null;
  }

  async overlapping(send: SendStatement, { tenantId, id }: ActorName): Promise<string | null> {
    const [row] = await send(sql.operationOverlap, [tenantId, id, "active", "stopped"]);
    return row ? toId(row) : null;
  }

  async get(tenantId: string | null, id: string): Promise<OperationRow | null> {
    const [row] = await this.#db.query(sql.operationList, [tenantId, id, null, 1]);
    return row ? toOperation(row) : null;
  }

  async list(
    tenantId: string | null,
    before: string | null,
    limit: number,
  ): Promise<OperationRow[]> {
    const rows = await this.#db.query(sql.operationList, [tenantId, null, before, limit]);
    return rows.map(toOperation);
  }

  async errorGroups(
    tenantId: string,
    after: Pick<ErrorGroup, "place" | "fingerprint"> | null,
    limit: number,
  ): Promise<ErrorGroup[]> {
    const start = [after?.place ?? null, after?.fingerprint ?? null];
    const rows = await this.#db.query(sql.errorGroups, [tenantId, ...start, limit]);
    return rows.map(toErrorGroup);
  }

  async items(
    { tenantId, id }: ActorName,
    [part, index]: readonly [part: number, index: number],
    limit: number,
  ): Promise<OperationItem[]> {
    const parameters = [tenantId, id, part, index, PARTS_OF_PAGE, limit];
    return (await this.#db.query(sql.operationItems, parameters)).map(toItem);
  }
}

/** requeue.sql, sorted by the caller. */
export function requeueParameters(
  jobs: readonly Versioned[],
  from: readonly JobState[],
  decision: Decision,
  cause: string,
): Parameter[] {
  return [
    ...versionedColumns(jobs),
    column(from, stateCode),
    stateCode(decision.to),
    eventCode(decision.event),
    cause,
    KEY_TTL_MS,
  ];
}

/** request_cancel.sql; all are in the state of the first. */
export function cancelParameters(jobs: readonly Chosen[], reason: string | null): Parameter[] {
  const [first] = jobs;
  return [...versionedColumns(jobs), first ? stateCode(first.state) : null, reason];
}

/** remove.sql */
export function removeParameters(jobs: readonly Chosen[], isSummarised = false): Parameter[] {
  return [...versionedColumns(jobs), column(jobs, (job) => stateCode(job.state)), isSummarised];
}

function versionedColumns(jobs: readonly Versioned[]): Parameter[] {
  return [
    column(jobs, repeated((job) => job.tenantId, quoted)),
    column(jobs, (job) => job.id),
    column(jobs, (job) => job.version),
  ];
}

function freezeParameters(
  { tenantId, ids, states, type, queue, from, to, terms, fingerprint }: JobSelection,
  operation: NewOperation | null,
  sample: number,
): Parameter[] {
  return [
    tenantId,
    ids === null ? null : column(ids, (id) => id),
    homesOf(states),
    column(states, stateCode),
    type,
    queue,
    from,
    to,
    ...termColumns(terms),
    operation?.tenantId ?? null,
    operation?.id ?? null,
    operation?.action ?? null,
    operation ? JSON.stringify(operation.filter) : null,
    operation?.rate ?? null,
    operation?.runAt ?? null,
    operation?.cause ?? null,
    operation?.requestedBy ?? null,
    operation?.partJobs ?? 1,
    sample,
    fingerprint,
  ];
}
