/**
 * Machine to picture, cached by the hash of its chart. It always gives one: ELK in a worker with a
 * time limit, else in this thread where there are no workers, else the plain layout.
 */
import { getLogger } from "@logtape/logtape";
import type { AnyStateMachine } from "xstate";
import { type Chart, chartHash, chartOf } from "./chart.ts";
import type { Geometry } from "./geometry.ts";
import { Layouter } from "./layouter.ts";
import { plainLayout } from "./plain_layout.ts";
import { renderChart } from "./render.ts";

/** Above this a search takes too long for anybody to wait for. */
const STATES_MAX = 600;
const CACHED_MAX = 200;
/** So long a plain picture stands before a better one is tried for. */
const PLAIN_MS = 60_000;

const log = getLogger(["perdura", "ui"]);
const layouter = new Layouter();

/** A finished picture. */
export interface DrawnChart {
  readonly chart: Chart;
  readonly hash: string;
  readonly svg: string;
}

const cache = new Map<string, Promise<DrawnChart>>();

/** The picture of a machine as SVG text, for who draws one and ends. */
export async function chartSvg(machine: AnyStateMachine): Promise<string> {
  try {
    return (await drawChart(machine)).svg;
  } finally {
    layouter.close();
  }
}

/** The picture and what is in it. */
export async function drawChart(machine: AnyStateMachine): Promise<DrawnChart> {
  const chart = chartOf(machine);
  const hash = await chartHash(chart);
  const known = cache.get(hash);
  if (known) return await known;
  const drawing = draw(chart).then(({ geometry, isPlain }) => {
    // Not for ever: it may have been a busy minute.
    if (isPlain) setTimeout(() => cache.delete(hash), PLAIN_MS).unref();
    return { chart, hash, svg: renderChart(chart, geometry) };
  });
  cache.set(hash, drawing);
  const [oldest] = cache.keys();
  if (cache.size > CACHED_MAX && oldest !== undefined) cache.delete(oldest);
  return await drawing;
}

async function draw(chart: Chart): Promise<{ geometry: Geometry; isPlain: boolean }> {
  if (chart.states.length <= STATES_MAX) {
    try {
      return { geometry: await layouter.layout(chart), isPlain: false };
    } catch (error) {
      log.warn("Chart drawn plainly: {reason}", { chart: chart.name, reason: String(error) });
    }
  }
  return { geometry: plainLayout(chart), isPlain: true };
}
