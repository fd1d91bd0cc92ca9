/** The workers that say they are alive. */
import type { WorkerBeat, WorkerRow, WorkerStore } from "./operation_records.ts";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { column, quoted } from "./literal.ts";
import { toWorker } from "./operation_rows.ts";

/** The workers of a database. */
export class PostgresWorkers implements WorkerStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async beat(worker: WorkerBeat): Promise<void> {
    await this.#db.query(sql.workerBeat, [
      worker.id,
      Math.max(1, Math.round(worker.everyMs)),
      worker.version,
      column(worker.types, quoted),
      column(worker.machines, quoted),
      worker.queues === null ? null : column(worker.queues, quoted),
      worker.partitionKey,
      worker.concurrency,
      worker.running,
      worker.charts === null ? null : column(worker.charts, quoted),
    ]);
  }

  async leave(id: string): Promise<void> {
    await this.#db.query(sql.workerGone, [id]);
  }

  async list(): Promise<WorkerRow[]> {
    return (await this.#db.query(sql.workers)).map(toWorker);
  }
}
