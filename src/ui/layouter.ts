/**
 * Layout off the main thread: one worker for all charts, begun when the first one is wanted, ended when
 * nobody has wanted any for a while, and replaced when it hangs.
 */
import type { Chart } from "./chart.ts";
import type { Geometry } from "./geometry.ts";
import { layoutChart } from "./layout.ts";

/** From the beginning of its own turn: waiting for others does not count. */
const LAYOUT_MS_MAX = 20_000;
const IDLE_MS = 30_000;

/** Lays charts out, one after the other. */
export class Layouter {
  #worker: Worker | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** The geometry of a chart. Rejects when ELK cannot, or takes too long. */
  layout(chart: Chart): Promise<Geometry> {
    const mine = this.#turn.then(() =>
      typeof Worker === "undefined" ? inThread(chart) : this.#inWorker(chart)
    );
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #inWorker(chart: Chart): Promise<Geometry> {
    clearTimeout(this.#idle);
    const url = new URL("./layout_worker.ts", import.meta.url);
    const worker = this.#worker ??= new Worker(url, { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<Geometry>();
    const timer = setTimeout(() => {
      this.#end();
      reject(new Error("Layout took too long"));
    }, LAYOUT_MS_MAX);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end();
      reject(new Error(event.message));
    };
    worker.onmessage = ({ data }) => {
      if (data.geometry) resolve(data.geometry);
      else reject(new Error(data.error));
    };
    worker.postMessage({ chart });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#idle = setTimeout(() => this.#end(), IDLE_MS);
    }
  }

  /** Ends the worker: what lays out once and goes need not wait for it. */
  close(): void {
    this.#end();
  }

  #end(): void {
    clearTimeout(this.#idle);
    this.#worker?.terminate();
    this.#worker = null;
  }
}

async function inThread(chart: Chart): Promise<Geometry> {
  const { newElk } = await import("./elk.ts");
  return await layoutChart(chart, newElk());
}
