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
  /**
   * From this size on what has gathered is spread over the places in flight: while the database works
   * at one part, this process works at the other. Without it: as much as there is travels together.
   */
  readonly spreadMin?: number;
  /**
   * Fewer items than `min` do not travel beside a batch in flight, unless it takes longer than `ms`: small
   * ones that touch the same rows wait for each other in the database, and each costs as a large one.
   */
  readonly beside?: { readonly min: number; readonly ms: number };
  /**
   * How long a first item waits for others: to the end of the microtasks, or the milliseconds that a
   * function gives (0: to the end of the task, so that jobs that finish together travel together).
   */
  readonly gather: "microtask" | (() => number);
}

/** Gathers items and sends them in batches. */
export class Batcher<T> {
  readonly #options: BatcherOptions<T>;
  #items: T[] = [];
  #inFlight = 0;
  #isScheduled = false;
  /** Set while a few wait beside a batch. */
  #overdue: ReturnType<typeof setTimeout> | null = null;
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
    this.#schedule();
  }

  /** Resolves when everything added so far, and since, has been settled. */
  async drained(): Promise<void> {
    if (!this.isIdle) await new Promise<void>((done) => this.#idle.push(done));
  }

  #schedule(): void {
    const { gather, beside, inFlightMax } = this.#options;
    if (this.#items.length === 0 || this.#inFlight >= inFlightMax) return;
    if (beside && this.#inFlight > 0 && this.#items.length < beside.min) {
      this.#overdue ??= setTimeout(() => {
        this.#overdue = null;
        this.#flush();
      }, beside.ms);
      return;
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const flush = () => {
      this.#isScheduled = false;
      this.#flush();
    };
    if (gather === "microtask") queueMicrotask(flush);
    else setTimeout(flush, gather());
  }

  #flush(): void {
    const { inFlightMax } = this.#options;
    while (this.#items.length > 0 && this.#inFlight < inFlightMax) {
      const all = this.#items;
      const size = this.#sizeOf(all.length);
      const batch = all.length <= size ? all : all.slice(0, size);
      this.#items = all.length <= size ? [] : all.slice(size);
      this.#inFlight++;
      void this.#options.send(batch).finally(() => {
        this.#inFlight--;
        this.#onReturn();
      });
    }
  }

  #onReturn(): void {
    const { beside } = this.#options;
    // A few that have gathered meanwhile wait for more, as the first ones do.
    if (beside && this.#items.length < beside.min) this.#schedule();
    else this.#flush();
    if (!this.isIdle) return;
    clearTimeout(this.#overdue ?? undefined);
    this.#overdue = null;
    for (const done of this.#idle.splice(0)) done();
  }

  #sizeOf(gathered: number): number {
    const { sizeMax, inFlightMax, spreadMin = Infinity } = this.#options;
    const share = gathered / (inFlightMax - this.#inFlight);
    return Math.min(sizeMax, gathered < spreadMin ? gathered : Math.ceil(share));
  }
}
