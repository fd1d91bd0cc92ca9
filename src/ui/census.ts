/**
 * How many actors are in each state of a machine: counted for all who look together, and never for more
 * than a twentieth of the time, however long it takes.
 */
import { systemClock } from "../core/clock.ts";
import type { ActorCount, UiStore } from "../store/store.ts";

const REST_MS = 2_000;
const REST_FACTOR = 20;
const KEPT_MAX = 1_000;

interface Counted {
  readonly items: Promise<ActorCount[]>;
  until: number;
}

/** Counts, kept for a while. */
export class Census {
  readonly #store: UiStore;
  readonly #counted = new Map<string, Counted>();

  constructor(store: UiStore) {
    this.#store = store;
  }

  /** The counts of a machine; `tenantId` null: of all tenants. */
  count(tenantId: string | null, machine: string): Promise<ActorCount[]> {
    const key = `${tenantId ?? ""}\n${machine}`;
    const now = systemClock.monotonic();
    const known = this.#counted.get(key);
    if (known && now < known.until) return known.items;
    if (this.#counted.size >= KEPT_MAX) this.#counted.clear();
    const items = this.#store.countActors(tenantId, machine);
    const counted: Counted = { items, until: Infinity };
    this.#counted.set(key, counted);
    items.then(
      () => {
        const done = systemClock.monotonic();
        counted.until = done + Math.max(REST_MS, REST_FACTOR * (done - now));
      },
      () => this.#counted.delete(key),
    );
    return items;
  }
}
