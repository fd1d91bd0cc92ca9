/**
 * Perdura in one object: enqueue, wait, work, drive, and serve the API from inside another program.
 */
import type postgres from "postgres";
import { systemClock, systemRandom } from "../core/clock.ts";
import { UnavailableError } from "../core/errors.ts";
import { demandOptions } from "../core/options.ts";
import type { Job, NewJobInput } from "../core/job.ts";
import type { Answered } from "../core/json.ts";
import type { UniqueOutcome } from "../core/unique.ts";
import type { MachineDefinition } from "../core/actor/mod.ts";
import { activityHandlers } from "../runtime/activities.ts";
import { Actors } from "../runtime/actors.ts";
import { Batches } from "../runtime/batches.ts";
import { drive, type Driven, type DriveOptions } from "../runtime/drive.ts";
import { type Handler, indexHandlers } from "../runtime/handlers.ts";
import { Jobs } from "../runtime/jobs.ts";
import { leaveJob } from "../runtime/leaving.ts";
import { Limiting } from "../runtime/limiting.ts";
import { Machines } from "../runtime/machines.ts";
import { Schedules } from "../runtime/schedules.ts";
import { startHandlers } from "../runtime/starts.ts";
import { Turner } from "../runtime/turner.ts";
import { Worker, type WorkerOptions } from "../runtime/worker.ts";
import type { SendStatement, Store } from "../store/store.ts";
import { LimitDesk } from "./limits.ts";
import { openDatabase, type RuntimeOptions, type RuntimeTracing } from "./opening.ts";
import { workSchema } from "./options.ts";
import { JobNotDoneError, outputOf } from "./outcome.ts";
import { type RuntimeSettings, withDefaults } from "./settings.ts";
import { type RuntimeActors, typedActors } from "./typed_actors.ts";

/** A transaction of the caller: postgres.js's `sql` inside `begin`, or any client's way to send. */
export type CallerTransaction = Pick<postgres.TransactionSql, "unsafe"> | SendStatement;

/** How to enqueue, beside the payload. */
export interface EnqueueOptions extends Omit<NewJobInput, "type" | "payload"> {
  /** Commit with the caller's transaction, or not at all. Call `hint()` after its commit. */
  readonly tx?: CallerTransaction;
}

/** What became of an enqueue. */
export interface Enqueued {
  readonly id: string;
  /** false: an idempotency key already had this job. */
  readonly created: boolean;
  /** The key's job was made from another payload. */
  readonly differs: boolean;
  /** Of a job with `unique`: what became of it; `id` is the job that has the key. */
  readonly unique: UniqueOutcome | null;
  /** Wakes workers. Needed after a transaction of the caller only; without it they find it by polling. */
  hint(): void;
}

/** How long to wait for a job to end. */
export interface WaitOptions {
  /** Default 30,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

type HandlerOf<H extends Handler, Target> = Target extends string ? Extract<H, { type: Target }>
  : Target;
/** What a job is sent with. */
export type PayloadOf<H extends Handler, Target> = HandlerOf<H, Target> extends
  Handler<string, infer Input, unknown> ? Input : never;
/** What a job gives, as JSON has it: of a date its text. */
export type OutputOf<H extends Handler, Target> = HandlerOf<H, Target> extends
  Handler<string, infer _Input, infer Output> ? Answered<Output> : never;

/**
 * Opens the database, brings its schema up to date, and knows the handlers.
 *
 * @throws {UnavailableError} The database cannot be reached.
 * @throws {TypeError} An address or `payloadKeys` is not what it should be.
 * @throws {InvalidInputError} An option is unknown, or not what it should be. One of `schedules` is wrong; those
 *   before it are in.
 */
export function createRuntime<const H extends Handler>(
  options: RuntimeOptions<H>,
): Promise<Runtime<H>> {
  return openRuntime(options);
}

/** The same. @param between Comes between the runtime and its store. */
export async function openRuntime<const H extends Handler>(
  options: RuntimeOptions<H>,
  between: (store: Store) => Store = (store) => store,
): Promise<Runtime<H>> {
  const opened = await openDatabase(options);
  const { handlers = [], machines = [], tracing } = options;
  const store = between(tracing?.store(opened) ?? opened);
  const more = { machines: new Machines(machines), prepare: options.isPooled !== true, tracing };
  const runtime = new Runtime(store, handlers, withDefaults(options), more);
  try {
    for (const [id, schedule] of Object.entries(options.schedules ?? {})) {
      await runtime.schedules.declare(id, schedule);
    }
  } catch (error) {
    await runtime.close();
    throw error;
  }
  return runtime;
}

/** What a runtime may be made with, beside its store and handlers. */
export interface RuntimeParts {
  readonly machines?: Machines;
  /** Prepared statements in the transactions of callers. */
  readonly prepare?: boolean;
  readonly tracing?: RuntimeTracing | undefined;
}

/** A runtime. `await using`, or `close()` at the end. */
export class Runtime<H extends Handler = Handler> {
  /** Everything that can be done with jobs, untyped. */
  readonly jobs: Jobs;
  /** Everything that can be done with actors. */
  readonly actors: Actors;
  /** Everything that can be done with schedules. */
  readonly schedules: Schedules;
  /** Jobs sent together, and what follows when they are done. */
  readonly batches: Batches;
  /** Limits and pauses of tenants, queues, types and limit keys. */
  readonly limits: LimitDesk;
  readonly #turner: Turner;
  readonly #store: Store;
  readonly #settings: RuntimeSettings;
  readonly #prepare: boolean;
  readonly #tracing: RuntimeTracing | undefined;
  readonly #workers = new Set<Worker>();

  constructor(
    store: Store,
    handlers: readonly H[],
    settings: RuntimeSettings,
    { machines = new Machines([]), prepare = true, tracing }: RuntimeParts = {},
  ) {
    this.#prepare = prepare;
    this.#tracing = tracing;
    this.#store = store;
    this.#settings = settings;
    this.jobs = new Jobs({
      store,
      handlers: indexHandlers(handlers),
      clock: systemClock,
      defaults: { ...settings, backoff: settings.backoff },
      trace: tracing && ((row, isAlone) => tracing.enqueued(row, isAlone)),
    });
    const cancelJob = (tenantId: string, id: string) =>
      leaveJob({ store, clock: systemClock }, tenantId, id);
    const host = { store, clock: systemClock, machines, defaults: settings, cancelJob };
    this.#turner = new Turner(host);
    this.actors = new Actors(host, this.#turner);
    const { actors, jobs: { host: ofJobs } } = this;
    this.schedules = new Schedules({ ...ofJobs, actors });
    this.batches = new Batches(ofJobs);
    this.limits = new LimitDesk(new Limiting(ofJobs));
  }

  /**
   * Stores one job of a handler, or of a registered type.
   *
   * @throws {InvalidInputError} The payload does not fit the handler's schema. Nothing was stored.
   */
  async enqueue<Target extends H | H["type"]>(
    target: Target,
    payload: PayloadOf<H, Target>,
    options: EnqueueOptions = {},
  ): Promise<Enqueued> {
    const { tx, ...rest } = options;
    const input = { ...rest, type: typeOf(target), payload };
    if (tx === undefined) return { ...await this.jobs.enqueue(input), hint: () => {} };
    return await this.jobs.enqueueIn(senderOf(tx, this.#prepare), input);
  }

  /** Stores many jobs in order, all or none. */
  enqueueMany<Target extends H | H["type"]>(
    target: Target,
    payloads: readonly PayloadOf<H, Target>[],
    options: Omit<NewJobInput, "type" | "payload"> = {},
  ): Promise<readonly { id: string; created: boolean }[]> {
    const type = typeOf(target);
    return this.jobs.enqueueMany(payloads.map((payload) => ({ ...options, type, payload })));
  }

  /**
   * Stores a job and waits for its output.
   *
   * @throws {JobNotDoneError} It was not done in time, gave up, or was cancelled; `job` says which.
   */
  async enqueueAndWait<Target extends H | H["type"]>(
    target: Target,
    payload: PayloadOf<H, Target>,
    options: Omit<EnqueueOptions, "tx"> & WaitOptions = {},
  ): Promise<OutputOf<H, Target>> {
    const { timeoutMs = 30_000, signal, ...rest } = options;
    const { id } = await this.enqueue(target, payload, rest);
    const job = await this.jobs.wait(null, id, timeoutMs, signal);
    if (job.state !== "succeeded") throw new JobNotDoneError(job);
    return outputOf(job);
  }

  /** The actors of one machine: their input and events are typed by its chart. */
  actorsOf<D extends MachineDefinition>(definition: D): RuntimeActors<D> {
    return typedActors(this.actors, definition);
  }

  /** One job, in whatever state. @throws {NotFoundError} */
  get(id: string): Promise<Job> {
    return this.jobs.get(null, id);
  }

  /** A worker in this process, until `stop` or `close`. @throws {InvalidInputError} An option is unknown. */
  work(
    options: Partial<Pick<WorkerOptions, "concurrency" | "queues" | "partitionKey">> = {},
  ): Worker {
    demandOptions(workSchema, options, "options");
    const worker = new Worker({ ...this.#workerOptions(), ...options });
    this.#workers.add(worker);
    const detach = this.jobs.attach(worker);
    worker.start();
    void worker.stopped.then(detach).then(() => this.#workers.delete(worker));
    return worker;
  }

  /** One bounded slice of work, for cron and serverless. */
  drive(options: DriveOptions = {}): Promise<Driven> {
    const { defaults } = this.jobs.host;
    return drive({ ...this.#workerOptions(), defaults }, options);
  }

  /** True when the database takes writes. */
  isWritable(): Promise<boolean> {
    return this.#store.isWritable();
  }

  /** Stops the workers, hands back what they hold, and leaves the database. */
  async close(): Promise<void> {
    this.actors.close();
    await this.jobs.stopWaiting();
    await Promise.all([...this.#workers].map((worker) => worker.stop()));
    this.#workers.clear();
    await this.#store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #workerOptions(): WorkerOptions {
    const { store, clock, defaults } = this.jobs.host;
    const turner = this.#turner;
    const handlers = new Map(this.jobs.host.handlers);
    const more = [...activityHandlers(turner.machines), ...startHandlers(turner)];
    for (const each of more) handlers.set(each.type, each);
    const random = systemRandom;
    const traced = this.#tracing?.handlers(handlers) ?? handlers;
    return { ...this.#settings, store, handlers: traced, clock, random, defaults, turner };
  }
}

function typeOf(target: string | Handler): string {
  return typeof target === "string" ? target : target.type;
}

/** Any failure is the caller's to see: his transaction is lost with it. */
function senderOf(tx: CallerTransaction, prepare: boolean): SendStatement {
  if (!("unsafe" in tx)) return tx;
  return async (text, parameters) => {
    const rows = await tx.unsafe(text, [...parameters], { prepare });
    if (!Array.isArray(rows)) throw new UnavailableError("The transaction gave no answer");
    return rows;
  };
}
