/**
 * A worker tells that it is alive: when it begins, and with the renewal of its leases.
 *
 * Nothing depends on it but what people see. What cannot be told now is told next time.
 */
import { getLogger } from "@logtape/logtape";
import { VERSION } from "../core/version.ts";
import type { WorkerStore } from "../store/store.ts";
import type { Handlers } from "./handlers.ts";
import type { Turner } from "./turner.ts";

const log = getLogger(["perdura", "worker"]);

/** Whose pulse it is. */
export interface PulseHost {
  readonly store: { readonly workers: WorkerStore };
  readonly worker: string;
  readonly handlers: Handlers;
  readonly queues: readonly string[] | null;
  readonly partitionKey: string | null;
  readonly concurrency: number;
  readonly turner?: Turner | undefined;
  /** It beats three times in it, milliseconds. */
  readonly leaseMs: number;
  /** Handlers that run now. */
  readonly running: () => number;
  /** The database has taken it. */
  readonly onDatabase: (failure: null) => void;
}

/** The pulse of one worker. */
export class Pulse {
  readonly #host: PulseHost;
  #last: Promise<void> = Promise.resolve();
  #isKnown = false;
  #isTelling = false;
  #isOver = false;

  constructor(host: PulseHost) {
    this.#host = host;
  }

  /** Never throws. One at a time. */
  beat(): void {
    if (this.#isOver || this.#isTelling) return;
    this.#isKnown = this.#isTelling = true;
    this.#last = this.#tell().finally(() => this.#isTelling = false);
  }

  /** The worker has stopped: nobody shall see it any more. Never rejects. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#last;
    if (!this.#isKnown) return;
    const { store, worker } = this.#host;
    await store.workers.leave(worker).catch((error) => {
      log.debug("The worker cannot take its leave", { error });
    });
  }

  async #tell(): Promise<void> {
    const { store, worker, handlers, turner, running, leaseMs } = this.#host;
    const { queues, partitionKey, concurrency, onDatabase } = this.#host;
    await store.workers.beat({
      id: worker,
      version: VERSION,
      types: [...handlers.keys()],
      machines: turner?.machines.versions ?? [],
      ...{ everyMs: leaseMs / 3, queues, partitionKey, concurrency },
      running: running(),
      charts: turner?.machines.charts ?? [],
    }).then(() => onDatabase(null)).catch((error) =>
      log.debug("The worker cannot tell that it is alive", { error })
    );
  }
}
