/// <reference lib="webworker" />
/** Layout off the main thread: it may take a second, and the API must not wait for it. */
import type { Chart } from "./chart.ts";
import { newElk } from "./elk.ts";
import { layoutChart } from "./layout.ts";

const elk = newElk();

self.onmessage = async ({ data }: MessageEvent<{ id: number; chart: Chart }>) => {
  try {
    self.postMessage({ id: data.id, geometry: await layoutChart(data.chart, elk) });
  } catch (error) {
    self.postMessage({ id: data.id, error: String(error).slice(0, 200) });
  }
};
