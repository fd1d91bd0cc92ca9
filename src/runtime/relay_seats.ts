/**
 * Actors that this process does not know, read when an activity of theirs has ended here: many in one
 * statement, and only where the last ones of their kind were worth it.
 */
import { isRecord } from "../core/actor/envelope.ts";
import type { ActorName, ClaimedJob, Store } from "../store/store.ts";
import { Batcher } from "./batcher.ts";
import type { Seat } from "./ledger.ts";

const BATCH_MAX = 200;
const IN_FLIGHT_MAX = 2;
/** After a read in vain so many activities of the kind end the ordinary way. */
const PAUSE = 20;
/** So many in a row that nothing has followed foretell the next one. */
const LASTS_MIN = 5;

/** An activity whose actor is to be read. */
interface Asking {
  readonly claimed: ClaimedJob;
}

/** Reads actors for activities. */
export class RelaySeats<T extends Asking> {
  readonly #actors: Store["actors"];
  readonly #onSeat: (asking: T, seat: Seat | null) => void;
  readonly #batcher: Batcher<T>;
  /** By type of job: how many more are not read for. */
  readonly #pauses = new Map<string, number>();
  /** By type of job: after so many in a row no other began. */
  readonly #lasts = new Map<string, number>();

  /** @param onSeat Null: it has left, does not run, has mail to read first, or was not to be read. */
  constructor(actors: Store["actors"], onSeat: (asking: T, seat: Seat | null) => void) {
    this.#actors = actors;
    this.#onSeat = onSeat;
    this.#batcher = new Batcher({
      send: (batch) => this.#read(batch),
      sizeMax: BATCH_MAX,
      inFlightMax: IN_FLIGHT_MAX,
      gather: () => 0,
    });
  }

  /** Whether to read for an activity of this type now. */
  isWorth(type: string): boolean {
    const left = this.#pauses.get(type) ?? 0;
    if (left > 0) this.#pauses.set(type, left - 1);
    return left === 0;
  }

  /** Whether none will begin after one of this type, as far as the ones before it tell. */
  foreseesLast(type: string): boolean {
    return (this.#lasts.get(type) ?? 0) >= LASTS_MIN;
  }

  /** What became of the first one of an actor. */
  note(type: string, { fits, isLast }: { readonly fits: boolean; readonly isLast: boolean }): void {
    if (!fits) return this.wasInVain(type);
    if (isLast) this.#lasts.set(type, (this.#lasts.get(type) ?? 0) + 1);
    else this.#lasts.delete(type);
  }

  /** Its actor's turns do not fit a relay. */
  wasInVain(type: string): void {
    this.#pauses.set(type, PAUSE);
  }

  ask(asking: T): void {
    this.#batcher.add(asking);
  }

  /** Everything that was asked for has been answered. */
  drained(): Promise<void> {
    return this.#batcher.drained();
  }

  /** Never rejects. */
  async #read(batch: readonly T[]): Promise<void> {
    const awaited = batch.flatMap(({ claimed }) => {
      const actor = actorOf(claimed);
      return actor ? [{ ...actor, jobId: claimed.id }] : [];
    });
    const seats = await this.#actors.seats(awaited).catch(() => new Map<string, Seat>());
    for (const asking of batch) this.#onSeat(asking, seats.get(asking.claimed.id) ?? null);
  }
}

/** Whose activity a job is; null: no actor's. */
export function actorOf({ tenantId, payload }: ClaimedJob): ActorName | null {
  const id = isRecord(payload) ? payload.actor : null;
  return typeof id === "string" ? { tenantId, id } : null;
}
