/** What a handler gets beside its input. */
import type { GivesJson, Json, Kept } from "../core/json.ts";
import type { LogLevel, TransactionSql } from "../store/store.ts";
import type { OpenFile } from "./files.ts";
import type { Lock, LockOptions } from "./locks.ts";

/** The job, as its handler sees it. */
export interface HandlerJob {
  readonly id: string;
  readonly tenantId: string;
  readonly type: string;
  readonly queue: string;
  /** The fence of this attempt: whoever ends the job from outside names it (If-Match). */
  readonly version: number;
  /** This execution, from 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** Executions that ended with their worker. */
  readonly crashes: number;
  readonly createdAt: Date;
  readonly tags: readonly string[];
  readonly metadata: Json;
  /** W3C `traceparent` of the last attempt that failed, if that was traced. */
  readonly failedTrace?: string | null;
}

/** Handed to every handler. All writes are fenced: after a lost lease they throw. */
export interface HandlerContext {
  readonly job: HandlerJob;
  /** Aborts on timeout, cancel, shutdown and a lost lease. Pass it on, and stop when it fires. */
  readonly signal: AbortSignal;
  /** The same for every attempt of this job: hand it to services that deduplicate. */
  readonly idempotencyKey: string;
  /**
   * A file of the job's tenant, as `POST /files` stored it.
   *
   * @throws {NotFoundError}
   */
  file(id: string): Promise<OpenFile>;
  /**
   * A line for the log of the job, with data that is JSON: `GET /jobs/{id}/logs`. Never throws and
   * never waits; the newest 1,000 lines or 256 KiB of an attempt are kept, of about ten attempts.
   */
  log(message: string, data?: unknown, level?: LogLevel): void;
  /** Stores what to show as progress; the latest wins. */
  progress(value: Json): void;
  /**
   * Runs `work` once per job: its result is stored, and a later attempt gets it without running it. Both get it as
   * JSON has it: of a date its text.
   *
   * @throws {LeaseLostError} The result was not stored.
   * @throws {PermanentError} It cannot be: it is too large, or holds what JSON and PostgreSQL have not.
   */
  step<T>(name: string, work: (() => T | Promise<T>) & GivesJson<T>): Promise<Kept<T>>;
  /**
   * A step that writes into this database: `write`'s statements and the stored result are one
   * transaction, so that they happen exactly once per job, whatever dies. As many as there are names;
   * each short: no network calls inside, at most 5 s.
   *
   * @throws {LeaseLostError} Nothing was written.
   */
  stepTransaction<T>(
    name: string,
    write: ((sql: TransactionSql) => Promise<T>) & GivesJson<T>,
  ): Promise<Kept<T>>;
  /**
   * Writes into this database exactly once: `write`'s statements and the success of the job are one
   * transaction, and its result is the output. Once per attempt; no network calls inside; at most
   * 5 s. A throw rolls everything back and fails the attempt, whatever the handler does next.
   */
  transaction<T>(write: (sql: TransactionSql) => Promise<T>): Promise<T>;
  /**
   * Takes a lock of the tenant, which one job holds at a time: for `ttlMs` (default 30 s, at least 300 ms),
   * renewed until it is released or the attempt ends. Waits for it at most `waitMs` (default 0).
   *
   * @throws {LockTakenError} Somebody else has it. If it leaves the handler, the job is run again later, and no
   *   attempt is spent.
   * @throws {PermanentError} This attempt has it.
   */
  lock(name: string, options?: LockOptions): Promise<Lock>;
}
