/**
 * What clients do with jobs: make them, look at them, send them events.
 *
 * Every change goes through the machine: an event is decided, and the decision committed under the
 * version it was decided on. When somebody else was faster, it is decided again.
 */
import type { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import {
  IdempotencyConflictError,
  InvalidInputError,
  type Issue,
  NotFoundError,
  TransitionRejectedError,
  UnavailableError,
  UnknownTypeError,
  VersionConflictError,
} from "../core/errors.ts";
import { newJobId } from "../core/id.ts";
import {
  contextOf,
  DEFAULT_TENANT,
  type Job,
  type JobInsert,
  type NewJob,
  type NewJobInput,
  parseNewJob,
  serialise,
  type Transition,
} from "../core/job.ts";
import { laneKey } from "../core/lane.ts";
import { acceptedEvents, type Decision, isTerminal, transition } from "../core/lifecycle.ts";
import { DEFAULT_TIMEOUT_MS, limits } from "../core/limits.ts";
import type { JobEvent, JobEventType, JobState } from "../../machines/job.ts";
import type { Change, Inserted, JobFilter, Lane, StateCount, Store } from "../store/store.ts";
import { cancelledError } from "./endings.ts";
import type { Handlers } from "./handlers.ts";

/** Events that a client may send; the others belong to workers and sweepers. */
export const operatorEvents: readonly JobEventType[] = [
  "SCHEDULE",
  "CANCEL",
  "REQUEUE",
  "RETRY_NOW",
];

/** Defaults of jobs that name nothing else. */
export interface JobDefaults {
  readonly maxAttempts: number;
  readonly maxCrashes: number;
  readonly backoff: Backoff;
}

/** What the client side needs. */
export interface JobsHost {
  readonly store: Store;
  readonly handlers: Handlers;
  readonly clock: Clock;
  readonly defaults: JobDefaults;
}

/** How to send an event. */
export interface SendOptions {
  /** Only this tenant's job; null: of any tenant. */
  readonly tenantId: string | null;
  /** Only at this version (If-Match). */
  readonly ifVersion: number | null;
  /** Kept in the history. */
  readonly cause: string;
}

/** The answer to an event. `isPending`: a running handler has been asked to stop, and has not yet. */
export interface Sent {
  readonly job: Job;
  readonly isPending: boolean;
}

const DECIDE_TRIES = 5;
const NOT_STRICT = 'A batch takes "return" only; send a strict job by itself';

/** The client side of the runtime. */
export class Jobs {
  readonly #host: JobsHost;

  constructor(host: JobsHost) {
    this.#host = host;
  }

  /**
   * Stores one job.
   *
   * @throws {InvalidInputError | UnknownTypeError | PayloadTooLargeError} Nothing was stored.
   * @throws {IdempotencyConflictError} `idempotency: "strict"`, and the key has another payload.
   */
  enqueue(input: NewJobInput): Promise<Inserted> {
    return this.enqueueUnchecked(input);
  }

  /** The same for a value from outside. */
  async enqueueUnchecked(input: unknown): Promise<Inserted> {
    const [inserted] = await this.#insert([this.prepare(input, "")]);
    if (!inserted) throw new UnavailableError("The store gave no answer");
    return inserted;
  }

  /** Stores many jobs in order, all or none. Paths in errors begin with `jobs.<index>`. */
  async enqueueMany(inputs: readonly unknown[]): Promise<Inserted[]> {
    const issues: Issue[] = [];
    const prepared: Prepared[] = [];
    inputs.forEach((input, index) => {
      try {
        const job = this.prepare(input, `jobs.${index}`);
        prepared.push(job);
        // A conflict is found after the insert, which is then complete: not all or none.
        if (job.isStrict) issues.push({ path: `jobs.${index}.idempotency`, message: NOT_STRICT });
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error;
        issues.push(...error.issues);
      }
    });
    if (issues.length > 0) throw new InvalidInputError(issues);
    return await this.#insert(prepared);
  }

  /** One job. @throws {NotFoundError} */
  async get(tenantId: string | null, id: string): Promise<Job> {
    const job = await this.#host.store.get(tenantId, id);
    if (!job) throw new NotFoundError("job", id);
    return job;
  }

  /** One page of a tenant's jobs, newest first. */
  list(filter: JobFilter, before: string | null, limit: number): Promise<Job[]> {
    return this.#host.store.list(filter, before, limit);
  }

  /** Committed steps of one job after `afterVersion`, ascending. @throws {NotFoundError} */
  async history(
    tenantId: string | null,
    id: string,
    afterVersion: number,
    limit: number,
  ): Promise<Transition[]> {
    return await this.#host.store.history(await this.get(tenantId, id), afterVersion, limit);
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
  async send(id: string, event: JobEvent, options: SendOptions): Promise<Sent> {
    for (let tries = 1;; tries++) {
      const job = await this.get(options.tenantId, id);
      const { ifVersion } = options;
      if (ifVersion !== null && ifVersion !== job.version) {
        throw new VersionConflictError(ifVersion, job.version, true);
      }
      const decision = transition({ state: job.state, context: contextOf(job) }, event);
      if (!decision.accepted) {
        throw new TransitionRejectedError(job.state, job.version, event.type, accepts(job.state));
      }
      const done = await this.#apply(job, decision, options.cause);
      if (done) return { job: await this.get(job.tenantId, id), isPending: done === "requested" };
      if (tries === DECIDE_TRIES) {
        const { version } = await this.get(job.tenantId, id);
        throw new VersionConflictError(job.version, version, false);
      }
    }
  }

  /** Checks a job and resolves its defaults. Nothing is stored. */
  prepare(input: unknown, path: string): Prepared {
    const job = parseNewJob(input, path);
    const below = (rest: string) => path === "" ? rest : `${path}.${rest}`;
    const handler = this.#host.handlers.get(job.type);
    if (!handler) {
      throw new UnknownTypeError(job.type, below("type"), [...this.#host.handlers.keys()]);
    }
    const issues = handler.check(job.payload, below("payload"));
    if (issues.length > 0) throw new InvalidInputError(issues);
    const { defaults } = this.#host;
    const row = toInsert(job, {
      maxAttempts: handler.retry.maxAttempts ?? defaults.maxAttempts,
      maxCrashes: handler.retry.maxCrashes ?? defaults.maxCrashes,
      timeoutMs: handler.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    });
    return { row, isStrict: job.idempotency === "strict" };
  }

  async #insert(prepared: readonly Prepared[]): Promise<Inserted[]> {
    const { store } = this.#host;
    const inserted = await store.insert(prepared.map(({ row }) => row));
    prepared.forEach(({ row, isStrict }, index) => {
      const result = inserted[index];
      if (isStrict && result?.differs) {
        throw new IdempotencyConflictError(row.idempotencyKey ?? "", result.id);
      }
    });
    const lanes = lanesOf(prepared.map(({ row }) => row).filter((_, i) => inserted[i]?.created));
    if (lanes.length > 0) store.hint({ kind: "lanes", lanes });
    return inserted;
  }

  /** What was done; null when somebody else was faster. */
  async #apply(
    job: Job,
    decision: Decision,
    cause: string,
  ): Promise<"committed" | "requested" | null> {
    const { store } = this.#host;
    if (decision.event === "CANCEL" && job.state === "running") {
      // The handler gets its AbortSignal first; its own outcome may still win.
      if (!await store.requestCancel(job)) return null;
      store.hint({ kind: "cancel" });
      return "requested";
    }
    if (isTerminal(job.state)) {
      const { outcome, holder } = await store.requeue(job, decision, cause);
      if (outcome === "key_taken") {
        throw new IdempotencyConflictError(job.idempotencyKey ?? "", holder);
      }
      if (outcome === "moved") return null;
    } else {
      const [refusal] = await store.commit(null, [this.#changeOf(job, decision, cause)]);
      if (refusal?.reason === "refused") {
        throw new InvalidInputError([{ path: "", message: "The database does not take this" }]);
      }
      if (refusal) return null;
    }
    store.hint({ kind: "lanes", lanes: [laneOf(job)] });
    return "committed";
  }

  #changeOf(job: Job, decision: Decision, cause: string): Change {
    const isCancelled = decision.to === "cancelled";
    return {
      tenantId: job.tenantId,
      id: job.id,
      version: job.version,
      attempt: job.attempt,
      leaseId: null,
      decision,
      output: null,
      error: isCancelled ? cancelledError(new Date(this.#host.clock.now())) : null,
      cause,
      cancelKnown: null,
    };
  }
}

/** A checked job on its way into the store. */
export interface Prepared {
  readonly row: JobInsert;
  readonly isStrict: boolean;
}

/** Event types that a client may send in a state. */
export function accepts(state: JobState): readonly JobEventType[] {
  return acceptedEvents(state).filter((event) => operatorEvents.includes(event));
}

function toInsert(
  job: NewJob,
  defaults: { maxAttempts: number; maxCrashes: number; timeoutMs: number },
): JobInsert {
  const { metadata, tenantId = DEFAULT_TENANT } = job;
  return {
    id: newJobId(tenantId),
    tenantId,
    type: job.type,
    queue: job.queue,
    partitionKey: job.partitionKey ?? null,
    priority: job.priority,
    maxAttempts: job.maxAttempts ?? defaults.maxAttempts,
    maxCrashes: job.maxCrashes ?? defaults.maxCrashes,
    timeoutMs: job.timeoutMs ?? defaults.timeoutMs,
    delayMs: job.delayMs ?? null,
    runAt: job.runAt ?? null,
    payloadJson: serialise("Payload", job.payload, limits.payloadBytesMax),
    idempotencyKey: job.idempotencyKey ?? null,
    backoff: job.backoff ?? null,
    tags: job.tags ?? null,
    metadataJson: metadata === undefined
      ? null
      : serialise("Metadata", metadata, limits.metadataBytesMax),
    clonedFrom: null,
  };
}

function laneOf(
  job: Pick<JobInsert, "tenantId" | "queue" | "type" | "partitionKey" | "priority">,
): Lane {
  const { tenantId, queue, type, partitionKey, priority } = job;
  return { tenantId, queue, type, partitionKey, priority, lane: laneKey(job) };
}

/** The lanes of jobs that are due now, each once. */
function lanesOf(rows: readonly JobInsert[]): Lane[] {
  const due = rows.filter((row) => row.runAt === null && (row.delayMs ?? 0) === 0);
  const byKey = new Map(due.map((row) => {
    const lane = laneOf(row);
    return [`${lane.lane} ${lane.priority} ${lane.tenantId}`, lane];
  }));
  return [...byKey.values()];
}
