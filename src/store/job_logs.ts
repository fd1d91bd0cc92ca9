/** Logs of jobs on PostgreSQL. */
import type { Json } from "../core/json.ts";
import * as sql from "../../sql/mod.ts";
import type { Database } from "./database.ts";
import { column, quoted, quotedJson } from "./literal.ts";
import type { LogLevel, LogLine, LogPlace, LogStore, NewLogLine } from "./log_records.ts";
import type { Held } from "./records.ts";
import { shape } from "./rows.ts";

/** Lines are kept of about ten attempts: each takes two versions or more. */
const VERSIONS_KEPT = 20;

/** The logs of a database. */
export class PostgresLogs implements LogStore {
  readonly #db: Database;
  /** What clients ask for. */
  readonly #requests: Database;

  constructor(db: Database, requests: Database) {
    this.#db = db;
    this.#requests = requests;
  }

  async save(
    job: Held & { readonly attempt: number },
    lines: readonly NewLogLine[],
    keepFrom: number,
  ): Promise<boolean> {
    const rows = await this.#db.query(sql.logSave, [
      ...[job.tenantId, job.id, job.version, job.leaseId, job.attempt],
      column(lines, ({ n }) => n),
      column(lines, ({ ageMs }) => ageMs),
      column(lines, ({ level }) => level),
      column(lines, ({ message }) => quoted(message)),
      column(lines, ({ dataJson }) => dataJson === null ? null : quotedJson(dataJson)),
      ...[keepFrom, job.version - VERSIONS_KEPT],
    ]);
    return rows.length > 0;
  }

  async list(
    job: { readonly tenantId: string; readonly id: string },
    { version, n }: LogPlace,
    limit: number,
  ): Promise<LogLine[]> {
    const rows = await this.#requests.query(sql.logList, [job.tenantId, job.id, version, n, limit]);
    return rows.map((row) => {
      const r = shape<{
        v: number;
        n: number;
        at: Date;
        a: number;
        level: LogLevel;
        message: string;
        data: Json;
      }>(row);
      return {
        ...{ version: r.v, n: r.n, at: r.at.toISOString(), attempt: r.a },
        ...{ level: r.level, message: r.message, data: r.data },
      };
    });
  }
}
