/**
 * One execution of a handler, from start to its one ending.
 *
 * Whatever comes first ends it: the handler's result, its timeout, a lost lease, a forced cancel,
 * the end of the process. What comes later is dropped.
 */
import type { Clock } from "../core/clock.ts";
import { LeaseLostError, UnavailableError } from "../core/errors.ts";
import type { JobError } from "../core/failure.ts";
import { refusal } from "../core/refused_options.ts";
import type {
  ClaimedJob,
  FileStore,
  LockStore,
  LogStore,
  TransactionSql,
  WorkStore,
} from "../store/store.ts";
import { AttemptLog } from "./attempt_log.ts";
import type { HandlerContext, HandlerJob } from "./context.ts";
import {
  changeOf,
  type Ending,
  endingOfResult,
  endingOfThrow,
  interrupted,
  invalidInput,
  lateError,
  noOutput,
  scrubbed,
  stoppedBy,
  type StopReason,
} from "./endings.ts";
import { Files } from "./files.ts";
import type { Handler, RetryPolicy } from "./handlers.ts";
import { Locks } from "./locks.ts";
import { type Also, type MemberDesk, MEMBERS, type OpensMembers } from "./members.ts";
import { Progress } from "./progress.ts";
import { Steps } from "./steps.ts";
import type { StepSaver } from "./step_saver.ts";
import { isThenable } from "./thenable.ts";
import { type Backoff } from "../core/backoff.ts";

/** What an attempt needs of its surroundings. */
export interface AttemptHost {
  readonly store: WorkStore & { readonly locks: LockStore };
  readonly steps: StepSaver;
  readonly files: FileStore;
  readonly logs: LogStore;
  readonly members: MemberDesk;
  readonly clock: Clock;
  readonly worker: string;
  /** Growth of the delay between the attempts of a job. */
  readonly backoffOf: (claimed: ClaimedJob, policy: RetryPolicy) => Backoff;
  /** Called once, with the ending to commit, or null when nothing is to be written. */
  readonly onEnd: (attempt: Attempt, ending: Ending | null) => void;
}

/** A running attempt. */
export class Attempt implements HandlerContext, OpensMembers {
  readonly claimed: ClaimedJob;
  readonly handler: Handler;
  /** Monotonic instants. */
  readonly timeoutAt: number;
  readonly startedAt: number;
  /** Where it stands among what runs. */
  place = -1;
  readonly #host: AttemptHost;
  #controller: AbortController | null = null;
  #stopReason: StopReason | null = null;
  #stoppedAt = 0;
  #isOver = false;
  #isAbandoned = false;
  #transaction: "none" | "running" | "committed" | "failed" = "none";
  #transactionError: unknown;
  #endingWithoutTransaction: Ending | null = null;
  /** The database was away: no fault of the handler. */
  #storeError: UnavailableError | null = null;
  #steps: Steps | null = null;
  #locks: Locks | null = null;
  #log: AttemptLog | null = null;
  #progress: Progress | null = null;

  /** @param startedAt Monotonic instant of now. */
  constructor(claimed: ClaimedJob, handler: Handler, startedAt: number, host: AttemptHost) {
    this.claimed = claimed;
    this.handler = handler;
    this.#host = host;
    this.startedAt = startedAt;
    this.timeoutAt = startedAt + claimed.timeoutMs;
  }

  /** Runs the handler. Never throws. A handler that is not asynchronous has ended when this returns. */
  run(): void {
    try {
      const started = refusal(this.claimed.metadata) ??
        this.handler.run(this.claimed.payload, this);
      if (!started.ok) this.#end(invalidInput(started.issues, this.#now()));
      else if (isThenable(started.value)) void this.#wait(started.value);
      else this.#onResult(started.value);
    } catch (thrown) {
      this.#onThrow(thrown);
    }
  }

  async #wait(result: PromiseLike<unknown>): Promise<void> {
    try {
      this.#onResult(await result);
    } catch (thrown) {
      this.#onThrow(thrown);
    }
  }

  #onResult(result: unknown): void {
    this.#end(this.#afterHandler(() => endingOfResult(result, () => this.#now())));
  }

  #onThrow(thrown: unknown): void {
    this.#end(this.#afterHandler(() => endingOfThrow(thrown, this.handler.retry, this.#now())));
  }

  /**
   * Asks the handler to stop. The first reason stands, but a lost lease overrules it.
   *
   * @param lost How it ends then; null: somebody else has committed its end.
   */
  stop(reason: StopReason, lost: Ending | null = interrupted("lease_lost")): void {
    if (this.#isOver || this.#stopReason === reason) return;
    if (this.#stopReason === null || reason === "lease_lost") {
      this.#stopReason = reason;
      this.#stoppedAt = this.#host.clock.monotonic();
    }
    this.#controller?.abort(stoppedBy(reason));
    if (reason !== "lease_lost") return;
    // A transaction ends with its own fence; its commit, not yet answered, may be why the lease is gone.
    // Otherwise whoever took the job over writes its outcome, and the fence refuses ours. If nobody
    // has, it goes back unharmed: to wait for the sweeper would cost it a crash.
    this.abandon(lost);
  }

  /**
   * Ends the attempt without waiting for the handler any longer. An open transaction is waited for,
   * 5 s at most: when it commits, that is the outcome.
   */
  abandon(ending: Ending | null): void {
    this.#isAbandoned = true;
    const own = ending ?? interrupted("lease_lost");
    if (this.#transaction === "running") this.#endingWithoutTransaction = own;
    else this.#end(this.#transaction === "committed" ? null : ending);
  }

  /** Given up on: at most an open transaction is still waited for. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** Growth of the delay before the next attempt. */
  get backoff(): Backoff {
    return this.#host.backoffOf(this.claimed, this.handler.retry);
  }

  get stopReason(): StopReason | null {
    return this.#stopReason;
  }

  /** Milliseconds since the handler was asked to stop. */
  get stoppingForMs(): number {
    return this.#stopReason === null ? 0 : this.#host.clock.monotonic() - this.#stoppedAt;
  }

  /** What `lastError` says when the handler did not stop at its timeout. */
  timeoutError(): JobError {
    return lateError(this.claimed.timeoutMs, this.#now());
  }

  // ── HandlerContext ──────────────────────────────────────────────────────────────────────────

  get job(): HandlerJob {
    return this.claimed;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      // Most handlers never look at it, and a controller costs more than the rest of a no-op job.
      this.#controller = new AbortController();
      if (this.#stopReason !== null) this.#controller.abort(stoppedBy(this.#stopReason));
    }
    return this.#controller.signal;
  }

  get idempotencyKey(): string {
    return this.claimed.id;
  }

  // Functions, not methods: handlers take the context apart, `({ key }, { transaction }) => …`.

  get progress(): HandlerContext["progress"] {
    return (value) => {
      if (this.#isOver) return;
      const onLost = () => this.stop("lease_lost");
      this.#progress ??= new Progress(this.claimed, this.#host.store, onLost, this.#scrub());
      this.#progress.set(value);
    };
  }

  get file(): HandlerContext["file"] {
    return (id) => new Files(this.#host.files).open(this.claimed.tenantId, id);
  }

  get log(): HandlerContext["log"] {
    return (message, data, level = "info") => {
      if (this.#isOver) return;
      const { logs: store, clock } = this.#host;
      const onLost = () => this.stop("lease_lost");
      this.#log ??= new AttemptLog(this.claimed, { store, clock, scrub: this.#scrub(), onLost });
      this.#log.add(level, message, data);
    };
  }

  get step(): HandlerContext["step"] {
    return (name, work) => this.#step((steps) => steps.run(name, work));
  }

  get stepTransaction(): HandlerContext["stepTransaction"] {
    return (name, write) => this.#step((steps) => steps.transact(name, write));
  }

  get transaction(): HandlerContext["transaction"] {
    return (write) => this.#transact(write);
  }

  get [MEMBERS](): OpensMembers[typeof MEMBERS] {
    return (items, outputOf) =>
      this.#host.members.open(this.claimed, items, outputOf, (output, also) => {
        return this.#transact(() => Promise.resolve(output), also);
      });
  }

  get lock(): HandlerContext["lock"] {
    return (name, options) =>
      this.#asking(() => {
        const { store: { locks: store }, clock, worker } = this.#host;
        const { tenantId, id } = this.claimed;
        this.#locks ??= new Locks({ store, clock }, { tenantId, id, worker }, this.signal);
        return this.#locks.take(name, options);
      });
  }

  #step<T>(run: (steps: Steps) => Promise<T>): Promise<T> {
    const { store, steps } = this.#host;
    return this.#asking(() => run(this.#steps ??= new Steps(this.claimed, store, steps)));
  }

  /** That the database is away is no failure of the job, whatever it was asked for. */
  async #asking<T>(ask: () => Promise<T>): Promise<T> {
    this.#refuseWhenOver();
    try {
      return await ask();
    } catch (error) {
      if (error instanceof LeaseLostError) this.stop("lease_lost");
      if (error instanceof UnavailableError) this.#storeError = error;
      throw error;
    }
  }

  async #transact<T>(write: (sql: TransactionSql) => Promise<T>, also?: Also): Promise<T> {
    if (this.#transaction !== "none") {
      throw new Error("Cannot open a second transaction: a job has one, and it ends the job");
    }
    this.#refuseWhenOver();
    this.#transaction = "running";
    try {
      const { store, worker } = this.#host;
      const begin = async (sql: TransactionSql) => {
        // It may have waited long for its turn.
        if (this.#isAbandoned) throw new LeaseLostError(this.claimed.id, this.claimed.version);
        const result = await write(sql);
        // What ends the job ends its log.
        await this.#log?.flush();
        return result;
      };
      const by = { worker, tenantId: this.claimed.tenantId };
      const result = await store.transaction(by, begin, (output) => {
        const known = { cancelRequested: false, backoff: this.backoff, at: this.#now() };
        const ending = endingOfResult(output, () => known.at);
        if (ending.kind !== "succeeded") throw noOutput(ending, output);
        return changeOf(this.claimed, ending, known);
      }, also);
      this.#transaction = "committed";
      if (this.#endingWithoutTransaction) this.#end(null);
      return result;
    } catch (error) {
      this.#transaction = "failed";
      this.#transactionError = error;
      if (error instanceof UnavailableError) this.#storeError = error;
      if (this.#endingWithoutTransaction) this.#end(this.#endingWithoutTransaction);
      throw error;
    }
  }

  /** The ending after the handler is through, given what else happened meanwhile. */
  #afterHandler(own: () => Ending): Ending | null {
    if (this.#transaction === "committed") return null;
    if (this.#transaction === "running") {
      const error = new Error("Handler returned while its transaction was still open");
      return endingOfThrow(error, {}, this.#now());
    }
    if (this.#stopReason === "lease_lost") return interrupted("lease_lost");
    // A failed transaction fails the attempt, even if the handler swallowed its error.
    const ending = this.#transaction === "failed"
      ? endingOfThrow(this.#transactionError, this.handler.retry, this.#now())
      : own();
    if (ending.kind !== "failed") return ending;
    if (this.#stopReason === "timeout") return { ...ending, error: this.timeoutError() };
    if (this.#storeError) return interrupted("unavailable");
    return this.#stopReason === "shutdown" ? interrupted("shutdown") : ending;
  }

  #end(ending: Ending | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#progress?.end();
    this.#locks?.end(this.#isAbandoned);
    const { payloadRedactor } = this.handler;
    const told = ending && scrubbed(ending, payloadRedactor, this.claimed.payload);
    if (!this.#log?.isOpen || this.#isAbandoned) return this.#host.onEnd(this, told);
    // The end of the job is the end of its lease: nothing can be logged after it.
    void this.#log.flush().then(() => this.#host.onEnd(this, told));
  }

  /** What is marked in the payload is in no line of the log, and in no progress. */
  #scrub(): ((text: string) => string) | null {
    const { payloadRedactor } = this.handler;
    return payloadRedactor ? (text) => payloadRedactor.scrub(text, this.claimed.payload) : null;
  }

  #refuseWhenOver(): void {
    if (this.#isOver) throw new LeaseLostError(this.claimed.id, this.claimed.version);
  }

  #now(): Date {
    return new Date(this.#host.clock.now());
  }
}
