/**
 * The connections of one pool, and the calls that wait for one.
 *
 * A call goes to a connection that has nothing to do. Where there is none it waits for the first that has, and
 * another one is opened only when that takes long: a session costs the server as much as dozens of short
 * statements before it has run one, its first statements as much again, and whoever had to wait for that
 * would wait forty times as long as for the statement before. docs/decisions/0118.
 */
import { systemClock } from "../core/clock.ts";
import { UnavailableError } from "../core/errors.ts";
import type { Connection } from "./connection.ts";

/** A short statement is over by then. One session at a time: each costs those that wait as much again. */
const OPEN_AFTER_MS = 20;
/** Where one more cannot be had, what there is does the work for so long. */
const REFUSED_PAUSE_MS = 1_000;

/** What a pool has to hear of a connection. */
export interface ConnectionEvents {
  readonly onReady: () => void;
  readonly onIdle: () => void;
  readonly onOver: (cause?: unknown) => void;
}

interface Waiting {
  readonly begin: (connection: Connection) => void;
  readonly reject: (error: unknown) => void;
}

/** Hands out connections. */
export class Pool {
  readonly #open: (events: ConnectionEvents) => Connection;
  readonly #max: number;
  #connections: Connection[] = [];
  #waiting: Waiting[] = [];
  #opening: ReturnType<typeof setTimeout> | null = null;
  #refusedUntil = -Infinity;
  /** Opened for whoever waits longest when they have come: they have yet to answer for the first time. */
  readonly #spare = new Set<Connection>();

  /** @param max Connections at most, from 1. */
  constructor(max: number, open: (events: ConnectionEvents) => Connection) {
    this.#max = max;
    this.#open = open;
  }

  /**
   * Does `work` on a connection.
   *
   * @throws {UnavailableError} None can be had, or none was free in `waitMs`: nothing was sent.
   */
  run<T>(work: (connection: Connection) => Promise<T>, waitMs: number): Promise<T> {
    const connection = this.#free();
    return connection ? work(connection) : this.#wait(work, waitMs);
  }

  #wait<T>(work: (connection: Connection) => Promise<T>, waitMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        reject(new UnavailableError(`No connection was free in ${waitMs} ms`));
      };
      const overdue = setTimeout(giveUp, waitMs);
      const waiting: Waiting = {
        begin: (found) => {
          clearTimeout(overdue);
          work(found).then(resolve, reject);
        },
        reject: (error) => {
          clearTimeout(overdue);
          reject(error);
        },
      };
      this.#waiting.push(waiting);
      this.#openLater();
    });
  }

  /** Calls under way on each connection. */
  get loads(): readonly number[] {
    return this.#connections.map(({ load }) => load);
  }

  /** Calls that wait for a connection. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Ends all connections now. */
  cut(reason: string): void {
    this.#rejectAll(new UnavailableError(reason));
    for (const connection of [...this.#connections]) connection.cut(reason);
  }

  /** Ends all connections after the calls that were made, or after five seconds. */
  async end(): Promise<void> {
    for (const { begin } of this.#takeAll()) begin(this.#leastBusy());
    await Promise.all(this.#connections.map((connection) => {
      const isNeedless = this.#spare.has(connection) && connection.load <= 1;
      return isNeedless ? connection.cut("Nobody needs it") : connection.end();
    }));
  }

  /** Null: one that is open or being opened has to be waited for. */
  #free(): Connection | null {
    // Who is first connects by its own statement: a round trip less.
    if (this.#connections.length === 0) return this.#add();
    const least = this.#leastBusy();
    if (least.isReady && least.load === 0) {
      this.#spare.delete(least);
      return least;
    }
    const isFull = this.#connections.length >= this.#max;
    return isFull && this.#coming === 0 ? least : null;
  }

  /** Of those with as much to do the oldest, which has run the most statements before; better one that is ready. */
  #leastBusy(): Connection {
    const rank = ({ isReady, load }: Connection) => isReady ? load : Infinity;
    return this.#connections.reduce((a, b) => rank(b) < rank(a) ? b : a);
  }

  /** Connections that nobody can use yet. */
  get #coming(): number {
    return this.#connections.filter((one) => !one.isReady || this.#spare.has(one)).length;
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#free();
      if (!connection) return;
      this.#waiting.shift()?.begin(connection);
    }
    clearTimeout(this.#opening ?? undefined);
    this.#opening = null;
  }

  #openLater(): void {
    if (this.#opening !== null) return;
    const leftMs = this.#refusedUntil - systemClock.monotonic();
    this.#opening = setTimeout(() => {
      this.#opening = null;
      this.#openMore();
    }, Math.max(OPEN_AFTER_MS, leftMs));
  }

  #openMore(): void {
    const isRefused = systemClock.monotonic() < this.#refusedUntil;
    const isWanted = !isRefused && this.#waiting.length > this.#coming;
    if (isWanted && this.#connections.length < this.#max) this.#addSpare();
    if (this.#waiting.length > 0) this.#openLater();
  }

  #addSpare(): void {
    const connection = this.#add();
    this.#spare.add(connection);
    connection.query("select 1", [], true).catch(() => {}).finally(() => {
      this.#spare.delete(connection);
      this.#serve();
    });
  }

  #add(): Connection {
    const connection = this.#open({
      onReady: () => this.#serve(),
      onIdle: () => this.#serve(),
      onOver: (cause) => this.#drop(connection, cause),
    });
    this.#connections.push(connection);
    return connection;
  }

  #drop(connection: Connection, cause: unknown): void {
    this.#connections = this.#connections.filter((other) => other !== connection);
    if (connection.isReady) return this.#serve();
    this.#refusedUntil = systemClock.monotonic() + REFUSED_PAUSE_MS;
    if (this.#connections.length === 0) {
      this.#rejectAll(cause ?? new UnavailableError("Cannot connect"));
    }
  }

  #rejectAll(error: unknown): void {
    for (const { reject } of this.#takeAll()) reject(error);
  }

  #takeAll(): Waiting[] {
    clearTimeout(this.#opening ?? undefined);
    this.#opening = null;
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }
}
