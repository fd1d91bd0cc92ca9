/** The same metrics by OTLP: what Prometheus would read is observed at each export. */
import { type Attributes, metrics as api } from "@opentelemetry/api";
import { VERSION } from "../core/version.ts";
import type { WorkerStats } from "../runtime/stats.ts";
import type { Reading } from "./metric.ts";
import { metrics } from "./metrics.ts";

/** Begins to export; whoever collects says how often. */
export function exportMetrics(read: () => Promise<Reading>, stats: WorkerStats | null): void {
  const meter = api.getMeter("perdura", VERSION);
  const observed = metrics.flatMap((metric) => {
    if (metric.kind === "histogram") return [];
    const { name, help: description, kind } = metric;
    const instrument = kind === "counter"
      ? meter.createObservableCounter(name, { description })
      : meter.createObservableGauge(name, { description });
    return [{ metric, instrument }];
  });
  const told = metrics.flatMap((metric) => {
    if (metric.kind !== "histogram") return [];
    const options = { description: metric.help, unit: "s" };
    return [{ metric, instrument: meter.createHistogram(metric.name, options) }];
  });
  /** Histograms are told of each value, from now on. */
  const attach = (reading: Reading) => {
    for (const { metric, instrument } of told) {
      for (const { labels, value } of metric.read(reading)) {
        const attributes = attributesOf(metric.labels, labels);
        value.tee ??= (seconds) => instrument.record(seconds, attributes);
      }
    }
  };
  const attachNow = () => void read().then(attach, () => {});
  attachNow();
  if (stats) stats.jobs.onSeries = attachNow;
  meter.addBatchObservableCallback(async (result) => {
    const reading = await read();
    attach(reading);
    for (const { metric, instrument } of observed) {
      for (const { labels, value } of metric.read(reading)) {
        result.observe(instrument, value, attributesOf(metric.labels, labels));
      }
    }
  }, observed.map(({ instrument }) => instrument));
}

function attributesOf(names: readonly string[], values: readonly string[]): Attributes {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
}
