/**
 * Natural batching: while statements are in flight, items gather; whatever has gathered when one
 * returns is the next batch. Alone, an item is sent at once; under load, batches grow by themselves.
 */

/** How to batch. */
export interface BatcherOptions<T> {
  /** Sends one batch. Must not reject: what to do with a failure is the sender's business. */
  readonly send: (batch: T[]) => Promise<void>;
  readonly sizeMax: number;
  readonly inFlightMax: number;
  /** Waits for the current task to end, so that jobs that finish together travel together. */
  readonly gather: "task" | "microtask";
}

/** Gathers items and sends them in batches. */
export class Batcher<T> {
  readonly #options: BatcherOptions<T>;
  #items: T[] = [];
  #inFlight = 0;
  #isScheduled = false;
  #idle: (() => void)[] = [];

  constructor(options: BatcherOptions<T>) {
    this.#options = options;
  }

  /** Items gathered or in flight are not settled yet. */
  get isIdle(): boolean {
    return this.#items.length === 0 && this.#inFlight === 0;
  }

  add(item: T): void {
    this.#items.push(item);
    if (this.#isScheduled || this.#inFlight >= this.#options.inFlightMax) return;
    this.#isScheduled = true;
    const flush = () => {
      this.#isScheduled = false;
      this.#flush();
    };
    if (this.#options.gather === "task") setTimeout(flush, 0);
    else queueMicrotask(flush);
  }

  /** Resolves when everything added so far, and since, has been settled. */
  async drained(): Promise<void> {
    if (!this.isIdle) await new Promise<void>((done) => this.#idle.push(done));
  }

  #flush(): void {
    const { sizeMax, inFlightMax } = this.#options;
    while (this.#items.length > 0 && this.#inFlight < inFlightMax) {
      const all = this.#items;
      const batch = all.length <= sizeMax ? all : all.slice(0, sizeMax);
      this.#items = all.length <= sizeMax ? [] : all.slice(sizeMax);
      this.#inFlight++;
      void this.#options.send(batch).finally(() => {
        this.#inFlight--;
        this.#flush();
        if (this.isIdle) { for (const done of this.#idle.splice(0)) done(); }
      });
    }
  }
}
