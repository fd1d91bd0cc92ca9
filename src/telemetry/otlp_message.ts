/**
 * Metrics as OTLP has them: an `ExportMetricsServiceRequest` in the JSON form of protocol buffers
 * (opentelemetry.io/docs/specs/otlp). Numbers of 64 bits are text there.
 */
import { VERSION } from "../core/version.ts";
import type { Histogram } from "../runtime/histogram.ts";
import type { Metric, Reading, Sample } from "./metric.ts";

/** Each export tells all since the start: one that is lost is made up for by the next. */
const CUMULATIVE = 2;

/** Beside the numbers. Times are milliseconds since 1970. */
export interface Surroundings {
  readonly resource: Readonly<Record<string, string>>;
  /** Since when is counted: the same in all exports of a process. */
  readonly startedAt: number;
  readonly now: number;
}

/** The body of an export. Metrics without a value are left out. */
export function otlpMessage(
  metrics: readonly Metric[],
  reading: Reading,
  { resource, startedAt, now }: Surroundings,
): string {
  // A wall clock that was put back must not end what has not begun.
  const time = { start: nanoseconds(startedAt), end: nanoseconds(Math.max(startedAt, now)) };
  return JSON.stringify({
    resourceMetrics: [{
      resource: { attributes: attributes(Object.entries(resource)) },
      scopeMetrics: [{
        scope: { name: "perdura", version: VERSION },
        metrics: metrics.flatMap((metric) => told(metric, reading, time)),
      }],
    }],
  });
}

interface Time {
  readonly start: string;
  readonly end: string;
}

function told(metric: Metric, reading: Reading, time: Time): object[] {
  const { name, help: description, labels } = metric;
  const named = { name, description, unit: name.includes("_seconds") ? "s" : "" };
  const points = metric.kind === "histogram"
    ? metric.read(reading).map((sample) => histogramPoint(labels, sample, time))
    : metric.read(reading).map((sample) => point(labels, sample, time));
  if (points.length === 0) return [];
  const shape = { aggregationTemporality: CUMULATIVE, dataPoints: points };
  if (metric.kind === "histogram") return [{ ...named, histogram: shape }];
  if (metric.kind === "counter") return [{ ...named, sum: { ...shape, isMonotonic: true } }];
  return [{ ...named, gauge: { dataPoints: points } }];
}

function point(names: readonly string[], { labels, value }: Sample, { start, end }: Time) {
  return {
    attributes: labelled(names, labels),
    startTimeUnixNano: start,
    timeUnixNano: end,
    // The form has words for what JSON has no number for.
    asDouble: Number.isFinite(value) ? value : String(value),
  };
}

/** Its bounds belong to the buckets below them, as ours do; the last bucket has none. */
function histogramPoint(
  names: readonly string[],
  { labels, value: { bounds, counts, sum, count } }: Sample<Histogram>,
  { start, end }: Time,
) {
  return {
    attributes: labelled(names, labels),
    startTimeUnixNano: start,
    timeUnixNano: end,
    count: String(count),
    sum,
    bucketCounts: Array.from(counts, String),
    explicitBounds: bounds,
  };
}

function labelled(names: readonly string[], values: readonly string[]) {
  return attributes(names.map((name, index) => [name, values[index] ?? ""]));
}

function attributes(pairs: readonly (readonly [string, string])[]) {
  return pairs.map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

/** A double has no room for them. */
function nanoseconds(ms: number): string {
  return `${Math.round(ms)}000000`;
}
