/**
 * A pool of connections on which no call outlives its deadline.
 *
 * The driver has none: a half-open connection hangs a query for ever. The server's own timeouts
 * come first and end a slow statement cleanly; the client's deadline fires only when the server
 * cannot be heard, and then destroys every connection of the pool and begins a new one. Statements
 * in flight are rejected as of unknown result.
 */
import postgres from "postgres";
import { type Random, systemRandom } from "../core/clock.ts";
import { isContention, toStoreError } from "./failures.ts";

/** How to reach the database. Durations in milliseconds. */
export interface DatabaseOptions {
  readonly url: string;
  /** Connections of the pool, from 1. */
  readonly connections?: number;
  /** Shown in `pg_stat_activity`. */
  readonly name?: string;
  /** Server side: one statement. */
  readonly statementTimeoutMs?: number;
  /** Server side: waiting for one lock. */
  readonly lockTimeoutMs?: number;
  /** Client side: one call, waiting for a connection included. Longer than the server's. */
  readonly deadlineMs?: number;
  /** Prepared statements; off behind a transaction-mode pooler. */
  readonly prepare?: boolean;
  readonly random?: Random;
}

/** One value of a parameter list; arrays travel as array literals (`literal.ts`). */
export type Parameter = string | number | boolean | null;

/** A row as the driver gives it; `rows.ts` says what is in it. */
export type Row = Readonly<Record<string, unknown>>;

const CONTENTION_TRIES = 5;

/** A pool with deadlines. Closed once; unusable afterwards. */
export class Database {
  readonly options: Required<DatabaseOptions>;
  #client: postgres.Sql;

  constructor(options: DatabaseOptions) {
    this.options = {
      connections: 8,
      name: "perdura",
      statementTimeoutMs: 10_000,
      lockTimeoutMs: 5_000,
      deadlineMs: 15_000,
      prepare: true,
      random: systemRandom,
      ...options,
    };
    this.#client = this.#open();
  }

  /**
   * Runs one statement. Deadlocks and serialisation failures are sent again.
   *
   * @throws {UnavailableError} Nothing was written.
   * @throws {UnknownResultError} It may have been committed.
   * @throws {RefusedError} PostgreSQL refuses it for good.
   */
  async query(text: string, parameters: readonly Parameter[] = []): Promise<readonly Row[]> {
    for (let tries = 1;; tries++) {
      try {
        return await this.#send(text, parameters);
      } catch (error) {
        if (!isContention(error) || tries === CONTENTION_TRIES) throw toStoreError(error);
        await new Promise((done) => setTimeout(done, tries * 10 * this.options.random()));
      }
    }
  }

  /** Subscribes to a channel; resubscribes by itself. `onListen` is called at every (re)start. */
  async listen(
    channel: string,
    onNotice: (payload: string) => void,
    onListen: () => void,
  ): Promise<() => Promise<void>> {
    const client = this.#open({ max: 1 });
    await client.listen(channel, onNotice, onListen);
    return () => client.end({ timeout: 1 });
  }

  /** Ends all connections after the statements in flight, or after five seconds. */
  async close(): Promise<void> {
    await this.#client.end({ timeout: 5 });
  }

  async #send(text: string, parameters: readonly Parameter[]): Promise<readonly Row[]> {
    const client = this.#client;
    const overdue = setTimeout(() => this.#replace(client), this.options.deadlineMs);
    try {
      return await client.unsafe<Row[]>(text, [...parameters], { prepare: this.options.prepare });
    } finally {
      clearTimeout(overdue);
    }
  }

  /** The server cannot be heard: cut every connection, so that all callers are told. */
  #replace(client: postgres.Sql): void {
    if (this.#client !== client) return;
    this.#client = this.#open();
    client.end({ timeout: 0 }).catch(() => {});
  }

  #open(overrides: { readonly max?: number } = {}): postgres.Sql {
    const { url, connections, name, statementTimeoutMs, lockTimeoutMs } = this.options;
    return postgres(url, {
      max: connections,
      connect_timeout: 5,
      idle_timeout: 0,
      max_lifetime: null,
      fetch_types: false,
      onnotice: () => {},
      // Spread, so that a restarted server does not meet every process at once.
      backoff: () => 0.1 + 0.4 * this.options.random(),
      connection: {
        application_name: name,
        TimeZone: "UTC",
        statement_timeout: statementTimeoutMs,
        lock_timeout: lockTimeoutMs,
        idle_in_transaction_session_timeout: statementTimeoutMs,
      },
      ...overrides,
    });
  }
}
