/**
 * Which queues take no new jobs, as far as this process knows: read anew once a second while jobs come
 * in, beside them. Where no queue drains, a job pays one look at a clock.
 */
import type { Clock } from "../core/clock.ts";
import { RateLimitedError } from "../core/errors.ts";
import type { JobInsert } from "../core/job.ts";
import type { GateStore } from "../store/store.ts";

const AGE_MS_MAX = 1_000;
const RETRY_AFTER_MS = 60_000;

/** The door of one process. */
export class Intake {
  readonly #store: GateStore;
  readonly #clock: Clock;
  #draining: ReadonlySet<string> = new Set();
  #change: string | null = null;
  #readAt = -Infinity;

  constructor(store: GateStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Lets jobs in. A promise only when it has to be waited for: before the first job.
   *
   * @throws {RateLimitedError} One of their queues is being drained.
   */
  admit(rows: readonly JobInsert[]): Promise<void> | undefined {
    const now = this.#clock.monotonic();
    if (now - this.#readAt < AGE_MS_MAX) return this.#check(rows);
    const isFirst = this.#readAt === -Infinity;
    this.#readAt = now;
    const reading = this.#read();
    if (isFirst) return reading.then(() => this.#check(rows));
    // What cannot be read now is read in a second; if the database is away, the insert will tell.
    reading.catch(() => {});
    return this.#check(rows);
  }

  #check(rows: readonly JobInsert[]): undefined {
    if (this.#draining.size === 0) return;
    for (const { tenantId, queue } of rows) {
      if (!this.#draining.has(`${tenantId}\n${queue}`)) continue;
      throw new RateLimitedError(
        `Queue "${queue}" is being drained: it takes no new jobs`,
        RETRY_AFTER_MS,
      );
    }
  }

  async #read(): Promise<void> {
    try {
      const list = await this.#store.read(this.#change);
      if (list === null) return;
      this.#change = list.change;
      this.#draining = new Set(
        list.gates.filter(({ isDraining }) => isDraining)
          .map(({ tenantId, name }) => `${tenantId}\n${name}`),
      );
    } catch (error) {
      this.#readAt = -Infinity;
      throw error;
    }
  }
}
