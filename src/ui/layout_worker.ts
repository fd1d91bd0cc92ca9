/// <reference lib="webworker" />
/** Layout off the main thread: it may take a second, and the API must not wait for it. */
import type { Chart } from "./chart.ts";
import { newElk } from "./elk.ts";
import { layoutChart } from "./layout.ts";

const elk = newElk();

self.onmessage = async ({ data }: MessageEvent<{ chart: Chart }>) => {
  try {
    self.postMessage({ geometry: await layoutChart(data.chart, elk) });
  } catch (error) {
    self.postMessage({ error: String(error).slice(0, 200) });
  }
};
