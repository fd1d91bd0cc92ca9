/** The list of lanes that have jobs: read once per poll, and anew when something may be missing in it. */
import type { Clock } from "../core/clock.ts";
import type { Lane, Served, WorkStore } from "../store/store.ts";
import type { Glance } from "./glance.ts";
import type { Handlers } from "./handlers.ts";

/** A list that takes long is read less often: for a twentieth of the time. */
const SHARE = 20;

/** What the list is read with, and for whom. */
export interface LaneListHost extends Pick<Served, "queues" | "partitionKey"> {
  readonly handlers: Handlers;
  readonly store: Pick<WorkStore, "lanes">;
  readonly clock: Clock;
  readonly glance: Glance;
  readonly pollMs: number;
}

/** When to read the list, and what of it is for this worker. */
export class LaneList {
  readonly #host: LaneListHost;
  #dueAt = -Infinity;
  #except: readonly string[] = [];

  constructor(host: LaneListHost) {
    this.#host = host;
  }

  /** Monotonic instant of the next reading; -Infinity: it was forgotten. */
  get dueAt(): number {
    return this.#dueAt;
  }

  forget(): void {
    this.#dueAt = -Infinity;
  }

  /** What this worker takes, as far as it knows the lanes. */
  get served(): Served {
    const { handlers, queues, partitionKey } = this.#host;
    return { types: [...handlers.keys()], queues, partitionKey, except: this.#except };
  }

  /** Whether the jobs of a lane may run here. */
  serves(lane: Lane): boolean {
    const { handlers, queues, partitionKey } = this.#host;
    const handler = handlers.get(lane.type);
    return handler !== undefined && (queues === null || queues.includes(lane.queue)) &&
      (partitionKey === null || lane.partitionKey === partitionKey) &&
      (handler.serves?.(lane.partitionKey) ?? true);
  }

  /** The lanes that are served here. Null: it is not due. Rejects as the store does; then it is due at once. */
  async read(): Promise<readonly Lane[] | null> {
    const { clock, glance, handlers, pollMs, store } = this.#host;
    const askedAt = clock.monotonic();
    if (askedAt < this.#dueAt) return null;
    // A hint that comes while the list is being read asks for another.
    this.#dueAt = Infinity;
    try {
      const lanes = await glance.maySee("jobs") ? await store.lanes() : [];
      const now = clock.monotonic();
      const others = lanes.filter(({ type, partitionKey }) =>
        handlers.get(type)?.serves?.(partitionKey) === false
      );
      this.#except = [...new Set(others.map(({ lane }) => lane))];
      const spentMs = SHARE * (now - askedAt);
      const nextAt = spentMs < pollMs ? now + glance.pauseMs : askedAt + spentMs;
      this.#dueAt = Math.min(this.#dueAt, nextAt);
      return lanes.filter((lane) => this.serves(lane));
    } catch (error) {
      this.#dueAt = -Infinity;
      throw error;
    }
  }
}
