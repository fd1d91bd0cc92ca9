/**
 * Machine to picture, cached by the hash of its chart. It always gives one: ELK in a worker with a
 * time limit, else in this thread where there are no workers, else the plain layout.
 */
import type { AnyStateMachine } from "xstate";
import { type Chart, chartHash, chartOf } from "./chart.ts";
import type { Geometry } from "./geometry.ts";
import { layoutChart } from "./layout.ts";
import { plainLayout } from "./plain_layout.ts";
import { renderChart } from "./render.ts";

const LAYOUT_MS_MAX = 5_000;
/** Above this a search takes too long for anybody to wait for. */
const STATES_MAX = 600;
const CACHED_MAX = 200;

/** A finished picture. */
export interface DrawnChart {
  readonly chart: Chart;
  readonly hash: string;
  readonly svg: string;
}

const cache = new Map<string, Promise<DrawnChart>>();

/** The picture of a machine as SVG text. */
export async function chartSvg(machine: AnyStateMachine): Promise<string> {
  return (await drawChart(machine)).svg;
}

/** The picture and what is in it. */
export async function drawChart(machine: AnyStateMachine): Promise<DrawnChart> {
  const chart = chartOf(machine);
  const hash = await chartHash(chart);
  const known = cache.get(hash);
  if (known) return await known;
  const drawing = draw(chart).then((geometry) => ({
    chart,
    hash,
    svg: renderChart(chart, geometry),
  }));
  cache.set(hash, drawing);
  const [oldest] = cache.keys();
  if (cache.size > CACHED_MAX && oldest !== undefined) cache.delete(oldest);
  return await drawing;
}

async function draw(chart: Chart): Promise<Geometry> {
  if (chart.states.length > STATES_MAX) return plainLayout(chart);
  try {
    return await (typeof Worker === "undefined" ? inThread(chart) : inWorker(chart));
  } catch {
    return plainLayout(chart);
  }
}

async function inThread(chart: Chart): Promise<Geometry> {
  const { newElk } = await import("./elk.ts");
  return await layoutChart(chart, newElk());
}

/** A worker of its own for each picture: they are rare, and one that hangs can be ended. */
async function inWorker(chart: Chart): Promise<Geometry> {
  const worker = new Worker(new URL("./layout_worker.ts", import.meta.url), { type: "module" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise<Geometry>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error("Layout took too long")), LAYOUT_MS_MAX);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.onmessage = ({ data }) => {
        if (data.geometry) resolve(data.geometry);
        else reject(new Error(data.error));
      };
      worker.postMessage({ id: 1, chart });
    });
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}
