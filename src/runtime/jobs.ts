/**
 * What clients do with jobs: make them, look at them, send them events.
 *
 * Every change goes through the machine: an event is decided, and the decision committed under the
 * version it was decided on. When somebody else was faster, it is decided again.
 */
import type { Clock } from "../core/clock.ts";
import type { Job, JobInsert, JobPatch, NewJobInput, Transition } from "../core/job.ts";
import { isTerminal } from "../core/lifecycle.ts";
import type { JobEvent } from "../../machines/job.ts";
import type {
  Entered,
  Inserted,
  JobChoice,
  JobFilter,
  SendStatement,
  StateCount,
  Store,
} from "../store/store.ts";
import { Coalescer } from "./coalescer.ts";
import { jobAfter } from "./answering.ts";
import { type Aim, changeJob, decide, readJob } from "./deciding.ts";
import { applyDecision } from "./applying.ts";
import { editJob, removeJob } from "./editing.ts";
import type { Ending } from "./endings.ts";
import { explain, type Reason } from "./explain.ts";
import { Findings } from "./findings.ts";
import { foreseeEvent } from "./foreseeing.ts";
import type { HandOff } from "./handoff.ts";
import type { Handlers } from "./handlers.ts";
import { Intake } from "./intake.ts";
import {
  claimOutside,
  endOutside,
  foreseeOutside,
  type OutsideClaim,
  type OutsideRenewal,
  renewOutside,
} from "./outside.ts";
import { admitNew, answerKnown, demandSame } from "./known.ts";
import { type Page, pageAt, pageOf, pageOfKey } from "./paging.ts";
import type { Created, Foreseen, Sent } from "./job_answers.ts";
import { cloneOf, jobOf, lanesOf, prepareJob } from "./preparing.ts";
import type { Prepared, RetryDefaults, Trace } from "./preparing.ts";
import { type Added, addUnique, insertOne } from "./uniques.ts";
import { Waiting } from "./waiting.ts";

export { accepts, operatorEvents, retryEventOf } from "./deciding.ts";
export type { Created, Foreseen, Sent } from "./job_answers.ts";
export type { Prepared } from "./preparing.ts";

/** Defaults of jobs that name nothing else. */
export interface JobDefaults extends RetryDefaults {
  /** Starts per minute of a tenant that has no rate of its own; null: any number. */
  readonly tenantRate?: number | null;
}

/** What the client side needs. */
export interface JobsHost {
  readonly store: Store;
  readonly handlers: Handlers;
  readonly clock: Clock;
  readonly defaults: JobDefaults;
  /** Gives a row on its way in what it needs to be traced. Left out: nobody traces. */
  readonly trace?: Trace | undefined;
}

/** How to send an event. */
export interface SendOptions extends Aim {
  /** Kept in the history. */
  readonly cause: string;
}

const ANY_JOB = { states: null, type: null, queue: null } as const;
const NOT_UNIQUE = "A batch takes no unique jobs; send it by itself";
const NOT_STRICT = 'A batch takes "return" only; send a strict job by itself';

/** The client side of the runtime. */
export class Jobs {
  readonly #host: JobsHost;
  readonly #coalescer: Coalescer;
  readonly #waiting: Waiting;
  readonly #answers = new Set<Promise<Job>>();
  readonly #intake: Intake;

  constructor(host: JobsHost) {
    this.#host = host;
    this.#coalescer = new Coalescer(host.store);
    this.#waiting = new Waiting(host.store, host.clock);
    this.#intake = new Intake(host);
  }

  /** From now on a worker of this process may start what is sent here at once. Gives the way back. */
  attach(worker: { readonly handOff: HandOff }): () => void {
    return this.#coalescer.attach(worker.handOff);
  }

  /** What it was made with: whoever builds on the same runtime needs the same. */
  get host(): JobsHost {
    return this.#host;
  }

  /**
   * Stores one job.
   *
   * @throws {InvalidInputError | UnknownTypeError | PayloadTooLargeError} Nothing was stored.
   * @throws {RateLimitedError} Its queue drains, or its tenant has too many waiting. Nothing was stored.
   * @throws {IdempotencyConflictError} `idempotency: "strict"`, and the key has another payload.
   */
  enqueue(input: NewJobInput): Promise<Added> {
    return this.enqueueUnchecked(input);
  }

  /** The same for a value from outside. */
  async enqueueUnchecked(input: unknown): Promise<Added> {
    const { placed: _, ...added } = await this.#enter(this.prepare(input, ""));
    return added;
  }

  /** The same, and gives the job. */
  async create(input: unknown): Promise<Created> {
    const prepared = this.prepare(input, "");
    const entered = await this.#enter(prepared);
    const { created, differs, unique } = entered;
    return { job: await this.#read(prepared.row, entered), created, differs, unique };
  }

  /** Stores many jobs in order, all or none. Paths in errors begin with `jobs.<index>`. */
  async enqueueMany(inputs: readonly unknown[]): Promise<Inserted[]> {
    const wrong = new Findings();
    const prepared: Prepared[] = [];
    inputs.forEach((input, index) => {
      try {
        const job = this.prepare(input, index);
        prepared.push(job);
        // A conflict is found after the insert, which is then complete: not all or none.
        if (job.isStrict) wrong.add({ path: `jobs.${index}.idempotency`, message: NOT_STRICT });
        if (job.unique) wrong.add({ path: `jobs.${index}.unique`, message: NOT_UNIQUE });
      } catch (error) {
        wrong.addRefusal(error);
      }
    });
    wrong.demandNone();
    const rows = prepared.map(({ row }) => row);
    await admitNew(this.#intake, this.#host.store, rows);
    const inserted = await this.#host.store.insert(rows);
    const lanes = lanesOf(rows.filter((_, index) => inserted[index]?.created));
    if (lanes.length > 0) this.#host.store.hint({ kind: "lanes", lanes });
    return inserted;
  }

  /**
   * Stores one job inside a transaction of the caller: it exists when that commits. `hint` wakes
   * workers, and is for after the commit.
   */
  async enqueueIn(
    send: SendStatement,
    input: unknown,
  ): Promise<Added & { readonly hint: () => void }> {
    const prepared = this.prepare(input, "");
    const { id, created, differs, unique } = await this.#enter(prepared, send);
    const lanes = lanesOf(created ? [prepared.row] : []);
    const hint = () => {
      if (lanes.length > 0) this.#host.store.hint({ kind: "lanes", lanes });
    };
    return { id, created, differs, unique, hint };
  }

  /** One job. @throws {NotFoundError} */
  get(tenantId: string | null, id: string): Promise<Job> {
    return readJob(this.#host.store, tenantId, id);
  }

  /**
   * The job when it has ended, or as it is after `timeoutMs`, or when `signal` aborts; at once when
   * very many wait already.
   *
   * @throws {NotFoundError}
   */
  wait(
    tenantId: string | null,
    id: string,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Job> {
    const answer = this.#awaitEnd(tenantId, id, timeoutMs, signal);
    this.#answers.add(answer);
    return answer.finally(() => this.#answers.delete(answer));
  }

  async #awaitEnd(
    tenantId: string | null,
    id: string,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Job> {
    const job = await this.get(tenantId, id);
    if (isTerminal(job.state) || timeoutMs <= 0) return job;
    await this.#waiting.ended(job, timeoutMs, signal);
    return await this.get(job.tenantId, id);
  }

  /** The process stops: `wait` waits no more. */
  get isStopping(): boolean {
    return this.#waiting.isStopped;
  }

  /** Answers all that wait with the job as it is, and ends when they have it: for a process that stops. */
  async stopWaiting(): Promise<void> {
    this.#waiting.stop();
    await Promise.allSettled(this.#answers);
  }

  /** One page of a tenant's jobs, newest first. */
  list(choice: JobChoice, before: string | null, limit: number): Promise<Job[]> {
    return this.#host.store.list({ ...ANY_JOB, ...choice }, before, limit);
  }

  /** One page with a cursor: see `pageOf`. */
  page(choice: JobChoice, cursor: string | null, limit: number): Promise<Page<Job>> {
    return pageOf(this.#host, { ...ANY_JOB, ...choice }, cursor, limit);
  }

  /** The job that has an idempotency key, as a page: see `pageOfKey`. */
  pageOfKey(filter: JobFilter, key: string): Promise<Page<Job>> {
    return pageOfKey(this.#host.store, filter, key);
  }

  /** One page by offset: see `pageAt`. */
  pageAt(
    tenantId: string,
    offset: number,
    limit: number,
  ): Promise<{ items: Job[]; total: number }> {
    return pageAt(this.#host.store, tenantId, offset, limit);
  }

  /** Why a job does not run. @throws {NotFoundError} */
  async explain(tenantId: string | null, id: string): Promise<Reason[]> {
    return await explain(await this.get(tenantId, id), this.#host);
  }

  /** Its committed steps after a version, or its newest ones (null), ascending. @throws {NotFoundError} */
  async history(
    tenantId: string | null,
    id: string,
    after: number | null,
    limit: number,
  ): Promise<Transition[]> {
    const job = await this.get(tenantId, id);
    return await this.#host.store.history(job, after ?? Math.max(0, job.version - limit), limit);
  }

  counts(tenantId: string | null): Promise<StateCount[]> {
    return this.#host.store.counts(tenantId);
  }

  /**
   * Sends an operator's event to a job.
   *
   * @throws {NotFoundError | TransitionRejectedError | VersionConflictError}
   * @throws {IdempotencyConflictError} REQUEUE, and another job holds the key now.
   */
  send(id: string, event: JobEvent, options: SendOptions): Promise<Sent> {
    return changeJob(this.#host.store, id, options, async (job) => {
      const decision = decide(job, event);
      const done = await applyDecision(this.#host, job, decision, options.cause);
      if (done === null) return null;
      // As the request left it: a quick handler may have stopped before the job is read again.
      const { requestedAt } = done;
      if (requestedAt) return { job: { ...job, cancelRequestedAt: requestedAt }, isPending: true };
      return { job: await jobAfter(this.#host.store, job, decision), isPending: false };
    });
  }

  /** What an event would do, committing nothing. @throws what `send` does. */
  foresee(id: string, event: JobEvent, aim: Aim): Promise<Foreseen> {
    const now = new Date(this.#host.clock.now());
    const { store } = this.#host;
    return changeJob(store, id, aim, (job) => foreseeEvent(store, job, event, now));
  }

  /** Changes a waiting job: see `editJob`. */
  edit(id: string, patch: JobPatch, aim: Aim): Promise<Job> {
    return editJob({ ...this.#host, intake: this.#intake }, id, patch, aim);
  }

  /** Deletes an ended job: see `removeJob`. */
  remove(id: string, aim: Aim): Promise<Job> {
    return removeJob(this.#host.store, id, aim);
  }

  /** The same work once more, as a new job. @throws {NotFoundError} */
  async rerun(tenantId: string | null, id: string): Promise<Job> {
    const row = cloneOf(await this.get(tenantId, id));
    return await this.#read(row, await this.#enter({ row, isStrict: false, unique: null }));
  }

  /** CLAIM of one job by a worker outside: see `claimOutside`. */
  claim(id: string, aim: Aim, claim: OutsideClaim): Promise<Job> {
    return claimOutside(this.#host, id, aim, claim);
  }

  /** The end of its attempt: see `endOutside`. */
  end(id: string, aim: Aim, ending: Ending): Promise<Job> {
    return endOutside(this.#host, id, aim, ending);
  }

  /** What that would do, committing nothing. */
  foreseeEnd(id: string, aim: Aim, ending: Ending): Promise<Foreseen> {
    return foreseeOutside(this.#host, id, aim, ending);
  }

  /** Renews its lease: see `renewOutside`. */
  renew(id: string, aim: Aim, leaseMs: number): Promise<OutsideRenewal> {
    return renewOutside(this.#host, id, aim, leaseMs);
  }

  /** Checks a job and resolves its defaults. Nothing is stored. */
  prepare(input: unknown, place: string | number): Prepared {
    return prepareJob(this.#host, input, place);
  }

  /** One job into the store, inside a transaction of the caller, or together with others that arrive now. */
  async #enter(prepared: Prepared, send: SendStatement | null = null): Promise<Added & Entered> {
    const { row, unique } = prepared;
    const { store } = this.#host;
    const uniques = send ? store.uniques.within(send) : store.uniques;
    try {
      const asking = this.#intake.admit([row]);
      if (asking) await asking;
    } catch (refusal) {
      return demandSame(prepared, await answerKnown(refusal, store, uniques, prepared));
    }
    if (unique) return await addUnique(uniques, row, unique, send ? null : store);
    const entered = send
      ? { ...await insertOne(store, send, row), placed: null }
      : await this.#coalescer.enter(row);
    return demandSame(prepared, { ...entered, unique: null });
  }

  /** The job of an insert: what the database decided is known, so that it need not be read. */
  async #read(row: JobInsert, { id, placed }: Entered): Promise<Job> {
    return placed ? jobOf(row, placed) : await this.get(row.tenantId, id);
  }
}
