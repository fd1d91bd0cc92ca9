/**
 * What the function of an activity, or of what undoes one, gets of the job that runs it.
 *
 * An activity is its job, but for what its transaction gives: that is an output of a chart, and is kept in the
 * form that charts read, as what the function returns is. What undoes is one of several things that a job does:
 * steps, transaction and key are its own, so that they neither end the job nor stand for the others'.
 */
import { CodecError } from "../core/actor/codec.ts";
import { decode, encode } from "../core/actor/mod.ts";
import { refOf, storedRef } from "../core/actor/refs.ts";
import { PermanentError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { isOutcome } from "../core/outcome.ts";
import type { TransactionSql } from "../store/store.ts";
import type { HandlerContext } from "./context.ts";
import { MEMBERS, membersOf, type OpenMembers, type OpensMembers } from "./members.ts";

/** The output of an activity as it is stored. What says how the job goes on is none. @throws {PermanentError} */
export function storedOutput(output: unknown): unknown {
  return isOutcome(output) ? output : encoded(output);
}

/**
 * The output of what may not decide how its job goes on.
 *
 * @throws {PermanentError} It has no stored form: at another try it has none either.
 */
export function encoded(output: unknown): Json {
  try {
    return encode(output, "output", refOf);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw Object.assign(new PermanentError(error.message), { code: "invalid_output" });
  }
}

/** All of the job's, one by one: functions take a context apart. */
class OfJob {
  constructor(protected readonly of: HandlerContext) {}

  get job(): HandlerContext["job"] {
    return this.of.job;
  }

  get signal(): AbortSignal {
    return this.of.signal;
  }

  get file(): HandlerContext["file"] {
    return this.of.file;
  }

  get log(): HandlerContext["log"] {
    return this.of.log;
  }

  get progress(): HandlerContext["progress"] {
    return this.of.progress;
  }

  get lock(): HandlerContext["lock"] {
    return this.of.lock;
  }
}

/** For an activity. */
export class ActivityContext extends OfJob implements HandlerContext, OpensMembers {
  get idempotencyKey(): string {
    return this.of.idempotencyKey;
  }

  get step(): HandlerContext["step"] {
    return this.of.step;
  }

  get stepTransaction(): HandlerContext["stepTransaction"] {
    return this.of.stepTransaction;
  }

  get transaction(): HandlerContext["transaction"] {
    return <T>(write: (sql: TransactionSql) => Promise<T>) => this.#transact(write);
  }

  get [MEMBERS](): OpenMembers {
    return membersOf(this.of);
  }

  async #transact<T>(write: (sql: TransactionSql) => Promise<T>): Promise<T> {
    let result: { readonly value: T } | undefined;
    await this.of.transaction(async (sql) => {
      result = { value: await write(sql) };
      return storedOutput(result.value);
    });
    if (!result) throw new TypeError("The transaction was committed, and never run");
    return result.value;
  }
}

/** For what undoes one thing of several. */
export class UndoContext extends OfJob implements HandlerContext {
  readonly #name: string;
  readonly #number: number;
  #transaction: Promise<unknown> | null = null;

  /** @param name Of this undoing in its job, the same at each attempt; so is `number`. */
  constructor(of: HandlerContext, name: string, number: number) {
    super(of);
    this.#name = name;
    this.#number = number;
  }

  /**
   * Of this undoing alone: a service that deduplicates would take the second of a job for the first. That one has the
   * job's, as it had in the releases before.
   */
  get idempotencyKey(): string {
    const { idempotencyKey } = this.of;
    return this.#number === 1 ? idempotencyKey : `${idempotencyKey}:${this.#number}`;
  }

  /** All of it, once. What `undo` throws is not kept. */
  async once(undo: () => Promise<Json>): Promise<void> {
    await this.of.step(this.#name, undo);
  }

  get step(): HandlerContext["step"] {
    return (name, work) => this.of.step(`${this.#name}/${name}`, work);
  }

  get stepTransaction(): HandlerContext["stepTransaction"] {
    return (name, write) => this.of.stepTransaction(`${this.#name}/${name}`, write);
  }

  /** Exactly once as well, and the job goes on to what is to be undone next. */
  get transaction(): HandlerContext["transaction"] {
    return async <T>(write: (sql: TransactionSql) => Promise<T>) => {
      if (this.#transaction) {
        throw new Error("Cannot open a second transaction: what undoes an activity has one");
      }
      const committed = this.#transact(write);
      this.#transaction = committed;
      return await committed;
    };
  }

  /** Rejects as the transaction did, whatever the function has made of it. */
  async settled(): Promise<void> {
    await this.#transaction;
  }

  async #transact<T>(write: (sql: TransactionSql) => Promise<T>): Promise<T> {
    const kept = await this.of.stepTransaction(
      `${this.#name}:transaction`,
      async (sql) => encoded(await write(sql)),
    );
    // A row enters: what `write` gave, here or at an earlier attempt.
    return decode(kept, "output", storedRef) as T;
  }
}
