/**
 * Batches: jobs sent together, and one that follows when all, any or so many of them are done.
 *
 * A batch is an actor of Perdura's own machine `perdura.batch`. Its first step and its jobs are one
 * commit; the jobs are its members, counted by the statements that end them, and cancelled with it.
 */
import { z } from "zod";
import { nameOf, rootAddress } from "../core/actor/mod.ts";
import { type Batch, type BatchRequest, batchSchema, type NewBatch } from "../core/batch.ts";
import {
  IdempotencyConflictError,
  InvalidInputError,
  type Issue,
  LeaseLostError,
  NotFoundError,
  UnavailableError,
} from "../core/errors.ts";
import { newId } from "../core/id.ts";
import { DEFAULT_TENANT, issuesOf, type JobInsert } from "../core/job.ts";
import { canonical } from "../core/json.ts";
import { hashOf } from "../core/key.ts";
import { tallyOf } from "../../machines/batch.ts";
import type { NewMember } from "../store/store.ts";
import { checkId } from "./actor_checks.ts";
import { Desk } from "./actor_desk.ts";
import { sendEvent } from "./actor_sending.ts";
import { seatOf } from "./actor_starting.ts";
import type { Actor } from "./actor_view.ts";
import { Findings } from "./findings.ts";
import { Intake } from "./intake.ts";
import type { JobsHost } from "./jobs.ts";
import { leaveJob } from "./leaving.ts";
import { Machines } from "./machines.ts";
import { batches as batchMachine } from "./own_machines.ts";
import { lanesOf, prepareJob } from "./preparing.ts";
import { Turner } from "./turner.ts";

const KEYS = ["idempotencyKey", "idempotency", "unique"] as const;
const contextSchema = z.object({
  total: z.int(),
  enough: z.int().nullable(),
  succeeded: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  digest: z.string(),
});

/** The batches of a database, as one process sees them. */
export class Batches {
  readonly #host: JobsHost;
  readonly #desk: Desk;
  readonly #intake: Intake;

  constructor(host: JobsHost) {
    this.#host = host;
    this.#intake = new Intake(host);
    const { store, clock, defaults } = host;
    const cancelJob = (tenantId: string, id: string) => leaveJob({ store, clock }, tenantId, id);
    const turnerHost = { store, clock, defaults, cancelJob, machines: new Machines([]) };
    this.#desk = new Desk(turnerHost, new Turner(turnerHost), true);
  }

  /**
   * Stores its jobs, all or none, and begins to count them.
   *
   * @throws {InvalidInputError | UnknownTypeError | RateLimitedError} Nothing was stored.
   * @throws {IdempotencyConflictError} The id belongs to another batch, or to an actor.
   * @throws {UnavailableError} To store it took longer than a transaction may.
   */
  start(request: NewBatch): Promise<{ batch: Batch; created: boolean }> {
    return this.startUnchecked(request);
  }

  /** The same for a value from outside. */
  async startUnchecked(value: unknown): Promise<{ batch: Batch; created: boolean }> {
    const request = checked(value);
    const { id = newId(), tenantId = DEFAULT_TENANT } = request;
    checkId(id);
    const digest = await digestOf(request);
    const name = { tenantId, id: rootAddress(id) };
    const known = await this.#host.store.actors.get(tenantId, name.id);
    if (known) return { batch: await this.#same(name, digest), created: false };
    const { rows, follower } = this.#prepare(request, tenantId, name.id);
    await this.#intake.admit(rows);
    try {
      await this.#begin(name, rows, inputOf(request, follower, digest));
    } catch (error) {
      if (isTooLong(error)) {
        throw new UnavailableError("It took too long to store the batch: try again, or fewer jobs");
      }
      // Somebody else has begun one of this id meanwhile.
      if (!(error instanceof LeaseLostError)) throw error;
      return { batch: await this.#same(name, digest), created: false };
    }
    this.#host.store.hint({ kind: "lanes", lanes: lanesOf(rows) });
    return { batch: await this.get(tenantId, id), created: true };
  }

  /** One batch, and how far it has come. @throws {NotFoundError} */
  async get(tenantId: string | null, id: string): Promise<Batch> {
    return batchOf(await this.#actor(tenantId, id));
  }

  /** Ends it: its jobs are cancelled, and nothing follows. @throws {TransitionRejectedError} */
  async cancel(tenantId: string | null, id: string): Promise<Batch> {
    const { tenantId: of } = await this.#actor(tenantId, id);
    await sendEvent(this.#desk, id, { type: "CANCEL" }, { tenantId: of });
    return await this.get(of, id);
  }

  async #begin(
    { tenantId, id }: { readonly tenantId: string; readonly id: string },
    rows: readonly JobInsert[],
    input: object,
  ): Promise<void> {
    const { members } = this.#host.store;
    const seat = seatOf(tenantId, id, batchMachine.identity);
    await this.#desk.turner.transactions.begin(tenantId, async (send) => {
      const all = rows.map((row): NewMember => ({ row, label: null }));
      await members.beginIn(send, { tenantId, actorId: id, uid: seat.uid }, all);
      const turning = this.#desk.turning(seat, { input, origin: null });
      turning.begin(input, "client");
      return turning;
    });
  }

  /** Checks all that would be stored. @throws {InvalidInputError | UnknownTypeError} */
  #prepare({ jobs, then, until }: BatchRequest, tenantId: string, actorId: string) {
    const wrong = new Findings();
    const prepared = (
      job: unknown,
      path: string,
      keys: readonly string[],
      batch: string | null,
    ) => {
      try {
        wrong.add(...issuesOfKeys(job, path, keys));
        const { row } = prepareJob(this.#host, ofTenant(job, tenantId, path), path);
        return batch === null ? row : { ...row, metadataJson: withBatch(row, batch) };
      } catch (error) {
        wrong.addRefusal(error);
        return null;
      }
    };
    const rows = jobs.map((job, n) => prepared(job, `jobs.${n}`, KEYS, actorId));
    const follower = then === undefined ? null : prepared(then, "then", ["unique"], null);
    // It waits in the context of an actor, which everybody sees who may read.
    if (follower && this.#host.handlers.get(follower.type)?.payloadRedactor) {
      wrong.add({ path: "then.type", message: "Has sensitive fields, which a batch would show" });
    }
    if (typeof until === "number" && until > jobs.length) {
      wrong.add({ path: "until", message: "Must be at most the number of jobs" });
    }
    wrong.demandNone();
    return { rows: rows.filter((row) => row !== null), follower };
  }

  async #actor(tenantId: string | null, id: string): Promise<Actor> {
    const row = await this.#desk.rowOf(tenantId, id).catch((error) => {
      throw error instanceof NotFoundError ? new NotFoundError("batch", id) : error;
    });
    if (row.machine !== batchMachine.name) throw new NotFoundError("batch", id);
    return await this.#desk.actor(row);
  }

  async #same(
    name: { readonly tenantId: string; readonly id: string },
    digest: string,
  ): Promise<Batch> {
    const id = nameOf(name.id);
    const actor = await this.#desk.actor(name);
    const { data } = contextSchema.safeParse(actor.context);
    if (actor.machine === batchMachine.name && data?.digest === digest) return batchOf(actor);
    const message = `There is another batch or an actor "${id}" already`;
    throw new IdempotencyConflictError(id, id, message);
  }
}

/** Of the transaction that stores all of it; nothing was stored. */
function isTooLong(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "code") === "transaction_timeout";
}

function checked(value: unknown): BatchRequest {
  const parsed = batchSchema.safeParse(value);
  if (!parsed.success) throw new InvalidInputError(issuesOf(parsed.error, (path) => path));
  return parsed.data;
}

function inputOf(
  { jobs, until, onFailure }: BatchRequest,
  follower: JobInsert | null,
  digest: string,
) {
  return {
    total: jobs.length,
    enough: until === "all" ? null : until === "any" ? 1 : until,
    stops: onFailure === "stop",
    follower,
    digest,
  };
}

/** Its jobs are of its tenant. */
function ofTenant(job: unknown, tenantId: string, path: string): unknown {
  if (typeof job !== "object" || job === null) return job;
  const given: unknown = Reflect.get(job, "tenantId");
  if (given !== undefined && given !== tenantId) {
    const message = "Must be the tenant of the batch";
    throw new InvalidInputError([{ path: `${path}.tenantId`, message }]);
  }
  return { ...job, tenantId };
}

/** A key may have a job already, which is nobody's member. */
function issuesOfKeys(job: unknown, path: string, keys: readonly string[]): Issue[] {
  return keys.filter((key) => typeof job === "object" && job !== null && key in job)
    .map((key) => ({ path: `${path}.${key}`, message: "Is not for a job of a batch" }));
}

function withBatch({ metadataJson }: JobInsert, batch: string): string {
  return JSON.stringify({ ...metadataJson === null ? {} : JSON.parse(metadataJson), batch });
}

/** Of what was asked for: the same request has the same. */
function digestOf({ jobs, until, onFailure, then = null }: BatchRequest): Promise<string> {
  return hashOf(canonical({ jobs, until, onFailure, then }));
}

function batchOf({ id, tenantId, status, state, context, createdAt, updatedAt }: Actor): Batch {
  const tally = tallyOf(contextSchema.parse(context));
  const isOver = status === "done";
  return {
    id,
    tenantId,
    state: isOver
      ? (state === "cancelled" ? "cancelled" : "done")
      : status === "active"
      ? "running"
      : "failed",
    ...tally,
    createdAt,
    finishedAt: isOver ? updatedAt : null,
  };
}
