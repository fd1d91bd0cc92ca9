/**
 * How many actors are in each state of a machine, and how instances go through it: counted for all who
 * look together, and never for more than a twentieth of the time, however long it takes.
 */
import { systemClock } from "../core/clock.ts";
import type { Flow } from "../core/flow.ts";
import type { ActorCount, UiStore } from "../store/store.ts";

const REST_MS = 2_000;
const REST_FACTOR = 20;
const KEPT_MAX = 1_000;

interface Counted<T> {
  readonly answer: Promise<T>;
  until: number;
}

/** Answers, kept for a while. */
class Kept<T> {
  readonly #counted = new Map<string, Counted<T>>();

  get(key: string, count: () => Promise<T>): Promise<T> {
    const now = systemClock.monotonic();
    const known = this.#counted.get(key);
    if (known && now < known.until) return known.answer;
    if (this.#counted.size >= KEPT_MAX) this.#counted.clear();
    const answer = count();
    const counted: Counted<T> = { answer, until: Infinity };
    this.#counted.set(key, counted);
    answer.then(
      () => {
        const done = systemClock.monotonic();
        counted.until = done + Math.max(REST_MS, REST_FACTOR * (done - now));
      },
      () => this.#counted.delete(key),
    );
    return answer;
  }
}

/** Counts and flows, kept for a while. */
export class Census {
  readonly #store: UiStore;
  readonly #counts = new Kept<ActorCount[]>();
  readonly #flows = new Kept<Flow>();

  constructor(store: UiStore) {
    this.#store = store;
  }

  /** The counts of a machine; `tenantId` null: of all tenants. */
  count(tenantId: string | null, machine: string): Promise<ActorCount[]> {
    return this.#counts.get(
      `${tenantId ?? ""}\n${machine}`,
      () => this.#store.countActors(tenantId, machine),
    );
  }

  /** The flow through a machine; that of jobs where it is theirs. */
  flow(tenantId: string | null, machine: string, windowMs: number): Promise<Flow> {
    const { flows } = this.#store;
    return this.#flows.get(
      `${tenantId ?? ""}\n${machine}\n${windowMs}`,
      () =>
        machine === "job"
          ? flows.flowOfJobs(tenantId, windowMs)
          : flows.flowOfActors(tenantId, machine, windowMs),
    );
  }
}
