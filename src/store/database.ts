/**
 * A pool of connections on which no call outlives its deadline.
 *
 * The driver has none: a half-open connection hangs a query for ever. The server's own timeouts
 * come first and end a slow statement cleanly; the client's deadline fires only when the server
 * cannot be heard, and then cuts every connection of the pool. Statements in flight are rejected as
 * of unknown result.
 */
import { jittered, type Random, systemRandom } from "../core/clock.ts";
import { UnavailableError, UnknownResultError } from "../core/errors.ts";
import {
  Connection,
  type ConnectionOptions,
  LostCallError,
  type Parameter,
  type Row,
} from "./connection.ts";
import { isContention, toStoreError } from "./failures.ts";
import { LostSessions } from "./lost_sessions.ts";
import type { PoolUse } from "./observations.ts";
import { type ConnectionEvents, Pool } from "./pool.ts";

export type { Parameter, Row };

/** One statement with its parameters. */
export interface Statement {
  readonly text: string;
  readonly parameters: readonly Parameter[];
}

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
  /** Client side: one call, from when it is sent; waiting for a connection may take as long. Longer than the server's. */
  readonly deadlineMs?: number;
  /** Prepared statements. Default true; never with `isPooled`. */
  readonly prepare?: boolean;
  /** How old plans of prepared statements get, milliseconds; default 1,000. */
  readonly planAgeMs?: number;
  /**
   * A pooler in transaction mode stands between: no named statement, no setting of the session, no
   * LISTEN. The server's own timeouts are then those of the role.
   */
  readonly isPooled?: boolean;
  /** Past the pooler, for LISTEN alone; null: by polling. Without a pooler: the same address. */
  readonly listenUrl?: string | null;
  readonly random?: Random;
  /** What transactions of handlers run as, an SQL name; null: as whoever has connected. */
  readonly transactionRole?: string | null;
  /** What the sessions of the pool run as, an SQL name; null: as whoever has connected. */
  readonly role?: string | null;
}

const CONTENTION_TRIES = 5;
/** Where a session cannot be ended: it gets this long to finish the statement. */
const UNKNOWN_PAUSE_MS = 200;
const LISTEN_PAUSE_MS = 500;

/** A pool with deadlines. Closed once; unusable afterwards. */
export class Database {
  readonly options: Required<DatabaseOptions>;
  readonly #pool: Pool;
  readonly #lost: LostSessions;
  #isClosed = false;
  #deadlines = 0;
  /** Ends each subscription that is still there. */
  readonly #subscriptions = new Set<() => Promise<void>>();

  constructor(options: DatabaseOptions) {
    this.options = {
      connections: 8,
      name: "perdura",
      statementTimeoutMs: 10_000,
      lockTimeoutMs: 5_000,
      deadlineMs: 15_000,
      isPooled: false,
      listenUrl: options.isPooled ? null : options.url,
      random: systemRandom,
      planAgeMs: 1_000,
      transactionRole: null,
      role: null,
      ...options,
      prepare: options.prepare !== false && !options.isPooled,
    };
    this.#pool = new Pool(this.options.connections, (events) => this.#open(events));
    // As whoever has connected, who alone may end a session of the same.
    this.#lost = new LostSessions(() => this.#open({ role: null, onOver: () => {} }));
  }

  /**
   * Runs one statement. Deadlocks and serialisation failures are sent again.
   *
   * @throws {UnavailableError} Nothing was written.
   * @throws {UnknownResultError} It may have been committed; told when its session is over, or after
   *   a pause, so that whoever reads back does not look too early.
   * @throws {RefusedError} PostgreSQL refuses it for good.
   */
  query(text: string, parameters: readonly Parameter[] = []): Promise<readonly Row[]> {
    return this.queryBefore(null, text, parameters);
  }

  /**
   * The same, with `next` right behind it on the same connection: it runs when the first one has been
   * committed, one round trip earlier than if that were waited for. Whether it ran is not told.
   */
  queryBefore(
    next: Statement | null,
    text: string,
    parameters: readonly Parameter[],
  ): Promise<readonly Row[]> {
    return this.#persist(() => this.#send(next, text, parameters));
  }

  /**
   * Runs one statement in a transaction that `prelude` begins, and `next` behind it, sent in one go.
   *
   * @throws what `query` throws; when `prelude` fails the statement does not run.
   */
  protected queryWithin(
    prelude: string,
    next: Statement | null,
    text: string,
    parameters: readonly Parameter[],
  ): Promise<readonly Row[]> {
    return this.#persist(() => this.#sendWithin(prelude, next, text, parameters));
  }

  async #persist(send: () => Promise<readonly Row[]>): Promise<readonly Row[]> {
    for (let tries = 1;; tries++) {
      try {
        return await send();
      } catch (error) {
        if (!isContention(error) || tries === CONTENTION_TRIES) {
          const failure = toStoreError(error);
          throw failure instanceof LostCallError ? await this.#settled(failure) : failure;
        }
        await new Promise((done) => setTimeout(done, tries * 10 * this.options.random()));
      }
    }
  }

  /**
   * Subscribes to a channel, and again whenever the connection was lost. `onListen` is called at
   * every (re)start. Resolves after the first try, whether it went well or not; without an address to
   * listen at, nothing is ever heard.
   */
  async listen(
    channel: string,
    onNotice: (payload: string) => void,
    onListen: () => void,
  ): Promise<() => Promise<void>> {
    const { listenUrl } = this.options;
    if (listenUrl === null) return () => Promise.resolve();
    let current: Connection | null = null;
    let isStopped = false;
    const tried = Promise.withResolvers<void>();
    const loop = async () => {
      while (!isStopped) {
        const over = Promise.withResolvers<void>();
        current = this.#open({
          ...{ url: listenUrl, isPooled: false, onOver: () => over.resolve() },
          onNotify: (_, payload) => onNotice(payload),
        });
        const isListening = await this.#listenOn(current, channel);
        if (isListening) onListen();
        tried.resolve();
        if (isListening) await over.promise;
        if (!isStopped) await this.#pause(LISTEN_PAUSE_MS);
      }
    };
    void loop();
    const stop = async () => {
      isStopped = true;
      this.#subscriptions.delete(stop);
      await current?.end();
    };
    this.#subscriptions.add(stop);
    await tried.promise;
    return stop;
  }

  /** How the pool is used at this moment. */
  get use(): PoolUse {
    const { loads, waiting } = this.#pool;
    return {
      open: loads.length,
      busy: loads.filter((load) => load > 0).length,
      max: this.options.connections,
      calls: loads.reduce((sum, load) => sum + load, waiting),
      deadlines: this.#deadlines,
    };
  }

  /** Ends all connections after the statements in flight, or after five seconds. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const stopped = [...this.#subscriptions].map((stop) => stop());
    await Promise.all([...stopped, this.#pool.end()]);
  }

  /**
   * The server knows late, or never, that its client is gone: it goes on with what it has, and with
   * what is still on its way to it. Behind a pooler its sessions are not ours to end.
   */
  async #settled(lost: LostCallError): Promise<UnknownResultError> {
    const { session, message } = lost;
    const mayEnd = session !== null && !this.options.isPooled && !this.#isClosed;
    const isSettled = mayEnd && await this.#lost.end(session);
    if (!isSettled) await this.#pause(UNKNOWN_PAUSE_MS);
    return new UnknownResultError(message, { cause: lost.cause, isSettled });
  }

  #send(
    next: Statement | null,
    text: string,
    parameters: readonly Parameter[],
  ): Promise<readonly Row[]> {
    return this.#inTime((connection) => {
      const answer = connection.query(text, parameters);
      if (next) connection.query(next.text, next.parameters).catch(() => {});
      return answer;
    });
  }

  /** Sent without a pause, the three stay together on a connection that others share. */
  #sendWithin(
    prelude: string,
    next: Statement | null,
    text: string,
    parameters: readonly Parameter[],
  ): Promise<readonly Row[]> {
    return this.#inTime(async (connection) => {
      const sent = [
        connection.query(prelude, [], true),
        connection.query(text, parameters),
        connection.query("commit", [], true),
      ] as const;
      if (next) connection.query(next.text, next.parameters).catch(() => {});
      const [begun, answer, ended] = await Promise.allSettled(sent);
      // In the order of their causes: without its prelude a statement fails as well.
      for (const { status, ...rest } of [begun, answer, ended]) {
        if (status === "rejected" && "reason" in rest) throw rest.reason;
      }
      return await sent[1];
    });
  }

  async #inTime(
    work: (connection: Connection) => Promise<readonly Row[]>,
  ): Promise<readonly Row[]> {
    if (this.#isClosed) throw new UnavailableError("The pool is closed");
    return await this.#pool.run(async (connection) => {
      // The server cannot be heard: nobody waits for it on any other connection either.
      const overdue = setTimeout(() => this.#cutAll(), this.options.deadlineMs);
      try {
        return await work(connection);
      } finally {
        clearTimeout(overdue);
      }
    }, this.options.deadlineMs);
  }

  #cutAll(): void {
    this.#deadlines++;
    this.#pool.cut(`No answer in ${this.options.deadlineMs} ms`);
  }

  async #listenOn(connection: Connection, channel: string): Promise<boolean> {
    const overdue = setTimeout(() => connection.cut("No answer"), this.options.deadlineMs);
    try {
      await connection.query(`listen "${channel}"`, []);
      return true;
    } catch {
      connection.cut("Cannot listen");
      return false;
    } finally {
      clearTimeout(overdue);
    }
  }

  async #pause(ms: number): Promise<void> {
    await new Promise((done) => setTimeout(done, jittered(ms, this.options.random, 0.5)));
  }

  #open(
    use:
      & Pick<ConnectionOptions, "onOver">
      & Partial<ConnectionEvents & Pick<ConnectionOptions, "url" | "onNotify">>
      & { readonly isPooled?: boolean; readonly role?: null },
  ): Connection {
    const { url, name, role, prepare, planAgeMs, statementTimeoutMs, lockTimeoutMs, isPooled } = {
      ...this.options,
      ...use,
    };
    return new Connection({
      url,
      prepare,
      planAgeMs,
      onOver: use.onOver,
      ...(use.onReady ? { onReady: use.onReady } : {}),
      ...(use.onIdle ? { onIdle: use.onIdle } : {}),
      ...(use.onNotify ? { onNotify: use.onNotify } : {}),
      session: isPooled ? { application_name: name } : {
        application_name: name,
        ...(role === null ? {} : { role }),
        statement_timeout: statementTimeoutMs,
        lock_timeout: lockTimeoutMs,
        idle_in_transaction_session_timeout: statementTimeoutMs,
        // Every statement locks rows and judges what they have become meanwhile: under a stricter default
        // those that meet would fail instead, again and again.
        default_transaction_isolation: "read committed",
        // A plan is kept from when it was made. Made while a table was empty it would read the whole
        // table for every claim of the burst that follows.
        enable_seqscan: "off",
        // Before PostgreSQL 18 a scan that is off is one of an absurd cost, which would be compiled.
        jit: "off",
      },
    });
  }
}
