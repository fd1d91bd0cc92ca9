/** The text format of Prometheus: prom-client writes it, the list says what. */
import { Counter, Gauge, Histogram, type MetricValueWithName, Registry } from "prom-client";
import type { Histogram as Counts } from "../runtime/histogram.ts";
import type { Metric, Reading, Sample } from "./metric.ts";
import { metrics } from "./metrics.ts";

/** The media type of `writeMetrics`. */
export const contentType: string = new Registry().contentType;

/** All that a process has to tell. */
export async function writeMetrics(reading: Reading): Promise<string> {
  const registry = new Registry();
  for (const metric of metrics) write(registry, metric, reading);
  return await registry.metrics();
}

function write(registry: Registry, metric: Metric, reading: Reading): void {
  const options = {
    name: metric.name,
    help: metric.help,
    labelNames: [...metric.labels],
    registers: [registry],
  };
  const samples = metric.read(reading);
  // What a process does not have, it does not name.
  if (samples.length === 0) return;
  if (metric.kind === "histogram") {
    new Copy(options, metric.read(reading));
    return;
  }
  const plain = metric.read(reading);
  const counter = metric.kind === "counter" ? new Counter(options) : null;
  const gauge = counter ? null : new Gauge(options);
  for (const { labels, value } of plain) {
    const named = labelled(metric.labels, labels);
    counter?.inc(named, value);
    gauge?.set(named, value);
  }
}

interface CopyOptions {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
}

/** A histogram that was counted elsewhere: observing by name and label costs more than a small job. */
class Copy extends Histogram {
  readonly #options: CopyOptions;
  readonly #samples: readonly Sample<Counts>[];

  constructor(options: CopyOptions, samples: readonly Sample<Counts>[]) {
    super(options);
    this.#options = options;
    this.#samples = samples;
  }

  /** What the registry asks for when it writes; prom-client's types do not name it. */
  getForPromString() {
    const { name, help } = this.#options;
    const values = this.#samples.flatMap(({ labels, value }) =>
      linesOf(name, labelled(this.#options.labelNames, labels), value)
    );
    return Promise.resolve({ name, help, type: "histogram", values, aggregator: "sum" });
  }
}

/** Cumulative buckets, the last of them endless, then sum and count. */
function linesOf(
  name: string,
  labels: Readonly<Record<string, string>>,
  { bounds, counts, sum, count }: Counts,
): MetricValueWithName<string>[] {
  let below = 0;
  const buckets = bounds.map((bound, index) => {
    below += counts[index] ?? 0;
    return { labels: { ...labels, le: bound }, value: below, metricName: `${name}_bucket` };
  });
  return [
    ...buckets,
    { labels: { ...labels, le: "+Inf" }, value: count, metricName: `${name}_bucket` },
    { labels, value: sum, metricName: `${name}_sum` },
    { labels, value: count, metricName: `${name}_count` },
  ];
}

function labelled(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""]));
}
