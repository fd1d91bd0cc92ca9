/**
 * The job's own transaction: the user's writes and the outcome, or neither.
 *
 * With postgres.js, when a backend dies inside `sql.begin()`, a later statement of the callback can
 * run and commit on another connection, outside any transaction. So each transaction has a client
 * of one connection, which is read-only by default and opened with `begin read write`: a statement
 * that leaks to a new connection is refused by the server. The wrapper is poisoned by the first
 * error, by a close, and by its deadline.
 */
import { getLogger } from "@logtape/logtape";
import postgres from "postgres";
import { jittered, systemClock } from "../core/clock.ts";
import { UnavailableError, UnknownResultError } from "../core/errors.ts";
import { clientFor } from "./address.ts";
import type { DatabaseOptions } from "./database.ts";
import { toUserError } from "./failures.ts";
import { PlanAge } from "./plan_age.ts";
import { tenantLiteral } from "./literal.ts";
import type { SqlValue, TransactionSql } from "./store.ts";

const log = getLogger(["perdura", "store"]);

/** A transaction may take this long, from BEGIN to COMMIT: rows wait for it. */
const TRANSACTION_CAP_MS = 5_000;

/** The end of a transaction is a statement of milliseconds: at more it waits for a lock, or nobody answers. */
const SEAL_MS_MAX = 1_000;

const IDLE_SESSIONS_MAX = 4;
/** About nine seconds: longer than a restart of the database. */
const BEGIN_TRIES = 8;
/** A server that lets nobody in, and does not say so, is not tried again after this. */
const BEGIN_MS_MAX = 9_000;
const BEGIN_PAUSE_MS = 50;
const BEGIN_PAUSE_MS_MAX = 2_000;
/** That none can begin is said of all of them, and no news again so soon. */
const NEWS_MS = 10_000;

/** Runs transactions on sessions of their own; idle ones are kept for the next. */
export class Transactions {
  readonly #options: Required<DatabaseOptions>;
  readonly #behind: () => Promise<string | null>;
  readonly #idle: Session[] = [];
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #isClosed = false;
  #warnedAt = -Infinity;

  /** @param behind The tenant behind whose wall the work under way is; null: behind none. */
  constructor(options: Required<DatabaseOptions>, behind: () => Promise<string | null>) {
    this.#options = options;
    this.#behind = behind;
  }

  /**
   * `write` runs first, `seal` last, in one transaction. While it is written, `perdura.tenant` names
   * the tenant, for policies of the user's own; with a role of its own it also passes the wall
   * (`request.ts`). `seal` passes it in requests, and not in workers.
   *
   * When a brief `seal` takes more than a second, somebody else is in its way: that is no failure of `write`.
   *
   * @throws {LeaseLostError} When `seal` says that the fence refused.
   * @throws {UnknownResultError} When the answer to COMMIT was lost.
   */
  async run<T>(
    tenantId: string,
    write: (sql: TransactionSql) => Promise<T>,
    seal: (send: Send, result: T) => Promise<void>,
    { capMs = TRANSACTION_CAP_MS, isBrief = false }: Bounds = {},
  ): Promise<T> {
    await this.#takeSlot();
    let session: Session | null = null;
    try {
      const behind = await this.#behind();
      session = await this.#begin(behind ?? tenantId, capMs);
      const sealing: typeof seal = (send, result) => {
        if (isBrief) session?.noteSeal();
        return seal(send, result);
      };
      return await session.run(write, sealing, capMs, behind !== null);
    } finally {
      this.#give(session);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#idle.splice(0).map((session) => session.end()));
  }

  async #takeSlot(): Promise<void> {
    while (this.#running >= this.#options.connections) {
      await new Promise<void>((free) => this.#waiting.push(free));
    }
    this.#running++;
  }

  /**
   * A session that was lost before the transaction began is no failure of the job: try another.
   *
   * @throws {RangeError} This is no tenant, and will not be one at another try.
   */
  async #begin(tenantId: string, capMs: number): Promise<Session> {
    const tenant = tenantLiteral(tenantId);
    const since = systemClock.monotonic();
    for (let tries = 1;; tries++) {
      const session = this.#idle.pop() ?? new Session(this.#options);
      try {
        await session.begin(tenant, capMs);
        return session;
      } catch (error) {
        void session.end();
        const spentMs = systemClock.monotonic() - since;
        if (tries === BEGIN_TRIES || spentMs > BEGIN_MS_MAX) {
          this.#warn(error);
          throw error;
        }
      }
      // Lost while it was idle: the next may be so too, and costs nothing to try.
      if (this.#idle.length > 0) continue;
      const pauseMs = Math.min(BEGIN_PAUSE_MS_MAX, BEGIN_PAUSE_MS * 2 ** tries);
      await new Promise((done) => setTimeout(done, jittered(pauseMs, this.#options.random, 0.5)));
    }
  }

  #warn(error: unknown): void {
    const now = systemClock.monotonic();
    if (now - this.#warnedAt < NEWS_MS) return;
    this.#warnedAt = now;
    log.warn("Transactions cannot begin: {error}", { error: String(error) });
  }

  #give(session: Session | null): void {
    this.#running--;
    const isOfUse = session !== null && !session.isPoisoned && !this.#isClosed;
    if (isOfUse && this.#idle.length < IDLE_SESSIONS_MAX) this.#idle.push(session);
    else void session?.end();
    this.#waiting.shift()?.();
  }
}

/** How long a transaction takes. */
export interface Bounds {
  /** The most it may take, and each statement of it. */
  readonly capMs?: number | undefined;
  /** Its last part is one small statement. */
  readonly isBrief?: boolean;
}

/** Sends one statement with parameters. */
export type Send = (
  text: string,
  parameters: readonly (string | number | boolean | null)[],
) => Promise<readonly Record<string, unknown>[]>;

const timeouts = {
  statement_timeout: TRANSACTION_CAP_MS,
  lock_timeout: TRANSACTION_CAP_MS,
  idle_in_transaction_session_timeout: TRANSACTION_CAP_MS,
};

/** Its last statement waits for others at the lease, which under a stricter default would fail it. */
const BEGIN = "begin isolation level read committed read write";
/** Behind a pooler a session has no settings: each transaction brings its own. */
const BEGIN_POOLED = [
  BEGIN,
  ...Object.entries({ ...timeouts, DateStyle: "iso" })
    .map(([name, value]) => `set local ${name} = ${value}`),
].join("; ");

/** One connection and its poison. */
class Session {
  readonly #client: postgres.Sql;
  readonly #options: Required<DatabaseOptions>;
  #poison: Error | null = null;
  /** The statement under way; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #isOpen = false;
  /** Statements of the user's that are under way. */
  #writing = 0;
  /** Since when nothing but a brief outcome is waited for; null: it is not, or something of the user's is, too. */
  #sealedAt: number | null = null;
  readonly #plans: PlanAge;

  constructor(options: Required<DatabaseOptions>) {
    this.#plans = new PlanAge(options.planAgeMs);
    this.#options = options;
    this.#client = clientFor(options.url, {
      max: 1,
      connect_timeout: 5,
      idle_timeout: 0,
      max_lifetime: null,
      // Asked for behind our back at every connect, and its failure would end the process.
      fetch_types: false,
      onnotice: () => {},
      onclose: () => this.#poisonWith(new UnavailableError("The connection was closed")),
      prepare: options.prepare,
      connection: {
        application_name: `${options.name} transaction`,
        TimeZone: "UTC",
        ...(options.isPooled
          ? {}
          : { DateStyle: "ISO", default_transaction_read_only: true, ...timeouts }),
      },
    });
  }

  get isPoisoned(): boolean {
    return this.#poison !== null;
  }

  /**
   * Nothing of a job has been sent: whatever keeps it out (a password, a database that is put back, no answer)
   * is no failure of the job.
   *
   * @param tenant As it may stand between quotes.
   * @throws {UnavailableError}
   */
  async begin(tenant: string, capMs: number): Promise<void> {
    const { isPooled, prepare, transactionRole } = this.#options;
    const role = transactionRole === null ? "" : `; set local role ${transactionRole}`;
    const begin = (isPooled ? BEGIN_POOLED : BEGIN) +
      (prepare && this.#plans.isOverAtRun() ? "; discard plans" : "") +
      (capMs === TRANSACTION_CAP_MS ? "" : `; set local statement_timeout = ${capMs}`) +
      `; set local perdura.tenant = '${tenant}'${role}`;
    try {
      await this.#capped(() => this.#guard(() => this.#client.unsafe(begin)));
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      throw new UnavailableError(`Cannot begin a transaction: ${error}`, { cause: error });
    }
  }

  async run<T>(
    write: (sql: TransactionSql, send: Send) => Promise<T>,
    seal: (send: Send, result: T) => Promise<void>,
    capMs: number,
    isBehind: boolean,
  ): Promise<T> {
    return await this.#capped(() => this.#steps(write, seal, isBehind), capMs);
  }

  /** The work is through, and what is sent now is brief: unless it waits behind a statement nobody awaited. */
  noteSeal(): void {
    if (this.#writing === 0) this.#sealedAt = systemClock.monotonic();
  }

  async end(): Promise<void> {
    this.#poison ??= new UnavailableError("The session has ended");
    await this.#client.end({ timeout: 0 }).catch(() => {});
  }

  /** The server's own limits do not help when it cannot be heard. */
  async #capped<T>(work: () => Promise<T>, capMs: number = TRANSACTION_CAP_MS): Promise<T> {
    let expire: (error: Error) => void = () => {};
    const expired = new Promise<never>((_, reject) => expire = reject);
    expired.catch(() => {});
    const overdue = setTimeout(() => {
      const message = `Transaction took longer than ${capMs} ms`;
      const sealMs = systemClock.monotonic() - (this.#sealedAt ?? Infinity);
      const error = sealMs > SEAL_MS_MAX
        ? new UnknownResultError(message)
        : Object.assign(new Error(message), { code: "transaction_timeout" });
      this.#poisonWith(error);
      expire(error);
    }, capMs);
    try {
      return await Promise.race([work(), expired]);
    } finally {
      clearTimeout(overdue);
      this.#isOpen = false;
      this.#sealedAt = null;
    }
  }

  async #steps<T>(
    write: (sql: TransactionSql, send: Send) => Promise<T>,
    seal: (send: Send, result: T) => Promise<void>,
    isBehind: boolean,
  ): Promise<T> {
    const send: Send = (text, parameters) =>
      this.#guard(() => {
        return this.#client.unsafe(text, [...parameters], { prepare: this.#options.prepare });
      });
    this.#isOpen = true;
    try {
      const result = await write((strings, ...values) => this.#write(strings, values), send);
      if (isBehind) await send("set local role perdura_tenant", []);
      else if (this.#options.transactionRole !== null) await send("set local role none", []);
      await seal(send, result);
      this.#isOpen = false;
      // A commit may take long by what is the user's: deferred triggers.
      this.#sealedAt = null;
      await send("commit", []);
      return result;
    } catch (error) {
      this.#isOpen = false;
      // A healthy session goes back with nothing open; a poisoned one is cut off anyway.
      if (!this.#poison) await send("rollback", []).catch(() => {});
      throw error;
    }
  }

  #write(strings: TemplateStringsArray, values: readonly SqlValue[]) {
    if (!this.#isOpen) {
      return Promise.reject(new Error("Cannot write: the transaction of this job is over"));
    }
    this.#writing++;
    // Sent after the outcome, it is in the way of the commit.
    this.#sealedAt = null;
    return this.#guard(() => this.#client(strings, ...values)).finally(() => this.#writing--);
  }

  /** After the first error nothing more is sent: in PostgreSQL the transaction is lost anyway. */
  async #guard(send: () => PromiseLike<readonly Record<string, unknown>[]>) {
    // No read-only default guards against a statement that the driver keeps for its next connection:
    // so none waits inside the driver.
    if (this.#options.isPooled) return await this.#afterLast(() => this.#guarded(send));
    return await this.#guarded(send);
  }

  #afterLast<T>(send: () => Promise<T>): Promise<T> {
    const sent = this.#last.then(send);
    this.#last = sent.catch(() => {});
    return sent;
  }

  async #guarded(send: () => PromiseLike<readonly Record<string, unknown>[]>) {
    if (this.#poison) throw this.#poison;
    const sentAt = systemClock.monotonic();
    try {
      const rows = await send();
      this.#plans.note(systemClock.monotonic() - sentAt);
      return rows;
    } catch (error) {
      const translated = toUserError(error);
      this.#poisonWith(translated);
      throw this.#poison ?? translated;
    }
  }

  #poisonWith(error: Error): void {
    if (this.#poison) return;
    this.#poison = error;
    void this.#client.end({ timeout: 0 }).catch(() => {});
  }
}
