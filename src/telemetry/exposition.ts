/** `/metrics` of one process: what it reads, and when. */
import type { Clock } from "../core/clock.ts";
import type { Worker } from "../runtime/worker.ts";
import type { ObserveStore } from "../store/store.ts";
import type { HttpStats } from "./http_stats.ts";
import { LagMeter } from "./lag.ts";
import type { Reading } from "./metric.ts";
import { contentType, writeMetrics } from "./prometheus.ts";
import { Watcher } from "./watcher.ts";

/** What a process has to tell of. */
export interface ExpositionHost {
  readonly observer: ObserveStore;
  readonly clock: Clock;
  readonly worker?: Worker;
  readonly http?: HttpStats;
}

/** The metrics of one process. `stop` at its end. */
export class Exposition {
  readonly #host: ExpositionHost;
  readonly #watcher: Watcher;
  readonly #lag: LagMeter;

  constructor(host: ExpositionHost) {
    this.#host = host;
    this.#watcher = new Watcher(host.observer, host.clock);
    this.#lag = new LagMeter(host.clock);
  }

  /** All numbers of now. */
  async read(): Promise<Reading> {
    const { observer, worker, http = null } = this.#host;
    const database = await this.#watcher.look();
    return {
      worker: worker ? { stats: worker.stats, state: worker.state, turns: worker.turns } : null,
      http,
      database,
      pool: observer.pool,
      failedLooks: this.#watcher.failures,
      lagSeconds: this.#lag.take(),
    };
  }

  /** The answer to a scrape. */
  async respond(): Promise<Response> {
    const text = await writeMetrics(await this.read());
    return new Response(text, {
      headers: { "content-type": contentType, "cache-control": "no-store" },
    });
  }

  stop(): void {
    this.#lag.stop();
  }
}
