/**
 * Operations: what operators do to many jobs, as durable actors.
 *
 * The jobs are chosen once, in the transaction that begins the operation's actor; then its turns carry
 * out one part after the other. Workers make these turns as they make all others. The process that was
 * asked looks after it as well: without a worker alive it makes the turns by itself.
 */
import { getLogger } from "@logtape/logtape";
import {
  IdempotencyConflictError,
  InvalidInputError,
  NotFoundError,
  UnavailableError,
} from "../core/errors.ts";
import { newId } from "../core/id.ts";
import { DEFAULT_TENANT, type Job } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { type JobSelection, type OperationRequest, PART_JOBS } from "../core/operation.ts";
import type {
  ActorName,
  NewOperation,
  OperationItem,
  OperationRow,
  SendStatement,
} from "../store/store.ts";
import { Desk } from "./actor_desk.ts";
import { sendEvent } from "./actor_sending.ts";
import { seatOf } from "./actor_starting.ts";
import type { JobsHost } from "./jobs.ts";
import { leaveJob } from "./leaving.ts";
import { Machines } from "./machines.ts";
import { type Operation, operationOf } from "./operation_view.ts";
import { operations as operationMachine } from "./own_machines.ts";
import { isEnded } from "./place.ts";
import { veilOf } from "./searching.ts";
import { selectionOf } from "./selecting.ts";
import { Turner } from "./turner.ts";

const log = getLogger(["perdura", "operations"]);

/** So often the process that was asked looks whether somebody carries it out. */
const TEND_MS = 250;

/** Choosing a million jobs takes some ten seconds; rows of other transactions wait for none of it. */
const CHOOSE_MS = 60_000;
/** What a statement outside of a transaction may take, nearly. */
const COUNT_MS = 9_000;

/** Who asks, and how it is told in the history of the jobs. */
export interface AskOptions {
  readonly requestedBy?: string | null;
  /** Default: the operation's id. */
  readonly cause?: string;
  /** An operation over nothing is done at once, not refused. */
  readonly mayBeEmpty?: boolean;
}

/** What an operation would do. */
export interface DryRun {
  readonly matched: number;
  readonly sample: readonly Job[];
}

/** The operations of a database, as one process sees them. */
export class Operations {
  readonly #host: JobsHost;
  readonly #desk: Desk;
  readonly #tended = new Set<string>();

  constructor(host: JobsHost) {
    this.#host = host;
    const { store, clock, defaults } = host;
    const cancelJob = (tenantId: string, id: string) => leaveJob({ store, clock }, tenantId, id);
    const turnerHost = { store, clock, defaults, cancelJob, machines: new Machines([]) };
    this.#desk = new Desk(turnerHost, new Turner(turnerHost), true);
  }

  /** Counts what is asked for, exactly, and shows some of it. @throws {InvalidInputError} */
  async foresee(request: OperationRequest): Promise<DryRun> {
    const { store } = this.#host;
    const selection = this.#select(request);
    const { matched, sample } = await this.#inTime(
      COUNT_MS,
      () => store.operations.foresee(selection, limits.sampleMax),
    );
    const jobs = await Promise.all(sample.map(({ tenantId, id }) => store.get(tenantId, id)));
    return { matched, sample: jobs.filter((job) => job !== null) };
  }

  /**
   * Begins an operation: from now on it is about the jobs that are there now.
   *
   * @throws {InvalidInputError} Or it matches nothing.
   * @throws {IdempotencyConflictError} The same, or another over some of its jobs, is under way.
   */
  async start(request: OperationRequest, options: AskOptions = {}): Promise<Operation> {
    const selection = this.#select(request);
    const { id, operation } = newOperation(request, selection, options);
    const { store } = this.#host;
    const same = await store.operations.same(operation);
    if (same !== null && !options.mayBeEmpty) {
      throw underWay(same, "does the same");
    }
    const choose = async (send: SendStatement) => {
      const { parts, matched } = await store.operations.freeze(send, selection, operation);
      if (matched === 0 && !options.mayBeEmpty) throw nothing(selection);
      const other = await store.operations.overlapping(send, operation);
      if (other !== null && !options.mayBeEmpty) {
        throw underWay(other, "has yet to come to some of these jobs");
      }
      return this.#birth(operation, parts);
    };
    const { tenantId } = operation;
    await this.#inTime(
      CHOOSE_MS,
      () => this.#desk.turner.transactions.begin(tenantId, choose, CHOOSE_MS),
    );
    const started = await this.get(null, id);
    log.info("Operation started", {
      operationId: id,
      action: request.action,
      matched: started.matched,
    });
    this.#tend(operation);
    return started;
  }

  /** One operation; `tenantId` null: of any. @throws {NotFoundError} */
  async get(tenantId: string | null, id: string): Promise<Operation> {
    return operationOf(await this.#row(tenantId, id));
  }

  /** One page, newest first; `tenantId` null: of all, those over many tenants too. */
  async list(tenantId: string | null, before: string | null, limit: number): Promise<Operation[]> {
    return (await this.#host.store.operations.list(tenantId, before, limit)).map(operationOf);
  }

  /** Its jobs in order, after a place, and what became of them. @throws {NotFoundError} */
  async items(
    tenantId: string | null,
    id: string,
    after: readonly [part: number, index: number],
    limit: number,
  ): Promise<OperationItem[]> {
    return await this.#host.store.operations.items(await this.#row(tenantId, id), after, limit);
  }

  /** Lets the part under way end, and begins no other. @throws {TransitionRejectedError} */
  async stop(tenantId: string | null, id: string): Promise<Operation> {
    const name = await this.#row(tenantId, id);
    await sendEvent(this.#desk, id, { type: "STOP" }, { tenantId: name.tenantId });
    await this.#desk.turnInline(name);
    return await this.get(null, id);
  }

  /** Goes on where it was stopped, or where it stalled. @throws {TransitionRejectedError} */
  async resume(tenantId: string | null, id: string): Promise<Operation> {
    const name = await this.#row(tenantId, id);
    const aim = { tenantId: name.tenantId };
    if (name.status === "stalled") {
      await this.#desk.control(id, aim, (turning) => turning.mark("active", "RESUME", "client"));
    } else {
      await sendEvent(this.#desk, id, { type: "RESUME" }, aim);
    }
    this.#tend(name);
    return await this.get(null, id);
  }

  /** What fails after so long has failed for that, and would again. */
  async #inTime<T>(ms: number, choose: () => Promise<T>): Promise<T> {
    const { clock } = this.#host;
    const begunAt = clock.monotonic();
    try {
      return await choose();
    } catch (error) {
      if (clock.monotonic() - begunAt < ms) throw error;
      const message = `Choosing the jobs took longer than ${
        ms / 1000
      } s: narrow it, by time or type`;
      throw new InvalidInputError([{ path: "filter", message }]);
    }
  }

  #select(request: OperationRequest): JobSelection {
    const { clock, handlers } = this.#host;
    return selectionOf(request, clock.now(), veilOf(handlers));
  }

  async #row(tenantId: string | null, id: string): Promise<OperationRow> {
    const row = await this.#host.store.operations.get(tenantId, id);
    if (!row) throw new NotFoundError("operation", id);
    return row;
  }

  /** Its first turn, and with it the first part. */
  #birth({ tenantId, id, rate, partJobs }: NewOperation, parts: number) {
    const restMs = rate === null ? 0 : Math.ceil(1000 * partJobs / rate);
    const input = { parts, restMs };
    const seat = seatOf(tenantId, id, operationMachine.identity);
    const turning = this.#desk.turning(seat, { input, origin: null });
    turning.begin(input, "client");
    return turning;
  }

  #tend({ tenantId, id }: ActorName): void {
    if (this.#tended.has(id)) return;
    this.#tended.add(id);
    this.#drive({ tenantId, id })
      .catch((error) => {
        if (error instanceof UnavailableError) {
          log.warn("Operation left to the workers", { operationId: id, reason: error.message });
        } else log.error("Operation cannot be carried out here", { operationId: id, error });
      })
      .finally(() => this.#tended.delete(id));
  }

  /** Makes turns as long as nobody else does. */
  async #drive(name: ActorName): Promise<void> {
    const { actors } = this.#host.store;
    for (let seen = 0;;) {
      const view = await actors.read(name.tenantId, name.id, 0, null);
      if (!view || view.status !== "active" || view.state === "stopped") return;
      if (view.version === seen) await this.#desk.turnInline(name);
      const now = await actors.read(name.tenantId, name.id, 0, null);
      if (!now || isEnded(now.status)) return;
      const isOurs = view.version === seen && now.version > seen;
      seen = now.version;
      if (!isOurs) await new Promise((done) => setTimeout(done, TEND_MS));
    }
  }
}

function newOperation(
  { action, filter, ratePerSecond, runAt }: OperationRequest,
  { tenantId }: JobSelection,
  { requestedBy = null, cause }: AskOptions,
): { id: string; operation: NewOperation } {
  const id = newId();
  const rate = ratePerSecond ?? null;
  const operation = {
    tenantId: tenantId ?? DEFAULT_TENANT,
    id,
    action,
    filter,
    rate,
    runAt: runAt ?? null,
    cause: cause ?? `operation ${id}`,
    requestedBy,
    partJobs: Math.min(PART_JOBS, rate ?? PART_JOBS),
  };
  return { id, operation };
}

function underWay(id: string, what: string): IdempotencyConflictError {
  return new IdempotencyConflictError(
    id,
    id,
    `Operation ${id} ${what}, and is under way: stop it, or wait for its end`,
  );
}

function nothing({ states }: JobSelection): InvalidInputError {
  const message = `Matches no job (of those that are ${states.join(" or ")})`;
  return new InvalidInputError([{ path: "filter", message }]);
}
