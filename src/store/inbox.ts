/** The inbox: what SQL callers ask for, taken out in the statement that makes the job. */
import { storedError } from "../core/fingerprint.ts";
import { eventCode, stateCode } from "../core/codes.ts";
import { laneKey } from "../core/lane.ts";
import type { JobInsert } from "../core/job.ts";
import { INITIAL_STATE } from "../core/lifecycle.ts";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import type { Enqueue } from "./enqueue.ts";
import { column, quoted } from "./literal.ts";
import { toLetter } from "./rows.ts";
import type { Burial, InboxStore, Letter } from "./store.ts";

/** Before every letter. */
const BEGINNING = { tenantId: "", id: "00000000-0000-0000-0000-000000000000" };

/** The inbox on PostgreSQL. */
export class PostgresInbox implements InboxStore {
  readonly #db: Database;
  readonly #enqueue: Enqueue;

  constructor(db: Database, enqueue: Enqueue) {
    this.#db = db;
    this.#enqueue = enqueue;
  }

  async letters(limit: number, after: Parameters<InboxStore["letters"]>[1]): Promise<Letter[]> {
    const { tenantId, id } = after ?? BEGINNING;
    return (await this.#db.query(sql.inbox, [limit, tenantId, id])).map(toLetter);
  }

  take(jobs: readonly JobInsert[]): Promise<string[]> {
    return this.#enqueue.takeIn(jobs);
  }

  async drop({ tenantId, id }: Letter): Promise<void> {
    await this.#db.query(sql.inboxDrop, [tenantId, id]);
  }

  async bury(job: JobInsert, burial: Burial): Promise<boolean> {
    const { claim, fail, error, cause, payloadJson } = burial;
    await this.#enqueue.addTenants([job]);
    const rows = await this.#db.query(sql.bury, [
      ...[job.tenantId, job.id, job.type, job.queue, laneKey(job)],
      ...[stateCode(INITIAL_STATE), stateCode(claim.to), stateCode(fail.to)],
      ...[eventCode(claim.event), eventCode(fail.event)],
      ...[payloadJson, storedError(error), cause],
      ...[job.timeoutMs, job.priority, job.maxAttempts, job.maxCrashes],
      ...[job.partitionKey, job.orderingKey, job.limitKey, job.idempotencyKey],
      job.tags && column(job.tags, quoted),
      job.backoff && JSON.stringify(job.backoff),
      job.metadataJson,
    ]);
    return rows.length > 0;
  }
}
