/**
 * Single enqueues that arrive together travel in one insert.
 *
 * Alone, a job is sent at once; while inserts are in flight the next ones gather. Jobs with a key may
 * wait for a lock on it, so they travel apart from those without; large ones travel alone. A batch
 * that the database refuses is halved down to the job that is to blame; one with keys that waited in
 * vain, for a lock perhaps, is sent again job by job.
 *
 * Each job brings along whose request it is of, since any of them may be the one that sends the batch. The
 * database is told whose they all are, and refuses others (`JobStore.enter`). A job that is not its
 * requester's own is the mistake that this is for: it travels alone, so that it does not pass because others
 * of its tenant travel along, and takes none of them with it.
 */
import { UnavailableError, UnknownResultError } from "../core/errors.ts";
import type { JobInsert } from "../core/job.ts";
import type { Entered, Requesters, Store } from "../store/store.ts";
import { Batcher } from "./batcher.ts";
import type { HandOff } from "./handoff.ts";
import { lanesOf } from "./preparing.ts";

const BATCH_MAX = 500;
/** A second one would take half of what gathers, and both would wait for the same log to be written. */
const IN_FLIGHT_MAX = 1;
/** Each may wait for a lock, which must not keep the next ones waiting. */
const KEYED_IN_FLIGHT_MAX = 6;
/** Characters of JSON: beside a payload of this size nothing is saved by sharing a statement. */
const SHARED_LENGTH_MAX = 16 * 1024;

interface Waiting {
  readonly row: JobInsert;
  /** The tenant whose request it is of; null: of none. */
  readonly requester: string | null;
  readonly resolve: (entered: Entered) => void;
  readonly reject: (error: unknown) => void;
}

/** Where jobs go. */
export type EntryStore = Pick<Store, "enter" | "requester" | "within">;

/** It has moved on by now: whoever wants to see it reads it. */
const STARTED = { created: true, differs: false, placed: null } as const;

/** Puts single enqueues together. */
export class Coalescer {
  readonly #store: EntryStore;
  readonly #handOffs = new Set<HandOff>();
  readonly #keyed: Batcher<Waiting>;
  readonly #ordered: Batcher<Waiting>;
  readonly #keyless: Batcher<Waiting>;

  constructor(store: EntryStore) {
    this.#store = store;
    const options = {
      send: (batch: Waiting[]) => this.#send(batch),
      sizeMax: BATCH_MAX,
      inFlightMax: IN_FLIGHT_MAX,
      gather: "microtask",
    } as const;
    this.#keyed = new Batcher({ ...options, inFlightMax: KEYED_IN_FLIGHT_MAX });
    this.#ordered = new Batcher(options);
    this.#keyless = new Batcher(options);
  }

  /** From now on jobs may be started by a worker of this process. Gives the way back. */
  attach(handOff: HandOff): () => void {
    this.#handOffs.add(handOff);
    return () => this.#handOffs.delete(handOff);
  }

  /** Stores one job. Rejects as `JobStore.enter` does for this job alone. */
  enter(row: JobInsert): Promise<Entered> {
    return new Promise((resolve, reject) => {
      const waiting = { row, requester: this.#store.requester(), resolve, reject };
      if (row.payloadJson.length > SHARED_LENGTH_MAX) void this.#send([waiting]);
      // Those of one ordering key are stored one after the other, whoever else holds it meanwhile.
      else if (row.orderingKey !== null) this.#ordered.add(waiting);
      else if (row.idempotencyKey === null) this.#keyless.add(waiting);
      else this.#keyed.add(waiting);
    });
  }

  /** Never rejects. */
  async #send(batch: readonly Waiting[]): Promise<void> {
    const own = batch.some(isStray) ? batch.filter((one) => !isStray(one)) : batch;
    const strays = own === batch ? [] : batch.filter(isStray).map((one) => [one]);
    const parts = own.length > 0 ? [own, ...strays] : strays;
    await Promise.all(parts.map((part) => this.#store.within(null, () => this.#sendPart(part))));
  }

  async #sendPart(batch: readonly Waiting[]): Promise<void> {
    try {
      const entered = await this.#enter(batch.map(({ row }) => row), requestersOf(batch));
      batch.forEach(({ resolve, reject }, index) => {
        const one = entered[index];
        if (one) resolve(one);
        else reject(new UnavailableError("The store gave no answer"));
      });
    } catch (error) {
      await this.#afterFailure(batch, error);
    }
  }

  async #enter(
    rows: readonly JobInsert[],
    requesters: Requesters,
  ): Promise<Entered[]> {
    // A claim is the runner's business, and no request's.
    for (const handOff of requesters ? [] : this.#handOffs) {
      const jobs = await handOff.enter(rows);
      if (jobs) return jobs.map(({ id }) => ({ ...STARTED, id }));
    }
    return await this.#store.enter(rows, lanesOf(rows), requesters);
  }

  async #afterFailure(batch: readonly Waiting[], error: unknown): Promise<void> {
    const isAway = error instanceof UnavailableError;
    const mayBeLocked = isAway && !(error instanceof UnknownResultError) &&
      batch.some(({ row }) => row.idempotencyKey !== null || row.orderingKey !== null);
    if (batch.length === 1 || (isAway && !mayBeLocked)) {
      for (const { reject } of batch) reject(error);
    } else if (mayBeLocked) {
      await Promise.all(batch.map((one) => this.#send([one])));
    } else {
      const middle = batch.length >> 1;
      await this.#send(batch.slice(0, middle));
      await this.#send(batch.slice(middle));
    }
  }
}

/** Of another tenant than its request. */
function isStray({ row, requester }: Waiting): boolean {
  return requester !== null && requester !== row.tenantId;
}

/** Whose requests they are of; null: none is of one. Beside others, one of no request may be anybody's. */
function requestersOf(batch: readonly Waiting[]): Requesters {
  if (batch.every(({ requester }) => requester === null)) return null;
  return new Set(batch.map(({ row, requester }) => requester ?? row.tenantId));
}
