/** Metrics by OTLP, as a collector receives them, and collectors that do not do their part. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { configure, type LogRecord } from "@logtape/logtape";
import { systemClock } from "../../src/core/clock.ts";
import { WAIT_SECONDS, WORK_SECONDS } from "../../src/runtime/histogram.ts";
import { WorkerStats } from "../../src/runtime/stats.ts";
import type { Reading } from "../../src/telemetry/metric.ts";
import { OtlpMetrics } from "../../src/telemetry/otlp_metrics.ts";
import { readOtlpSettings } from "../../src/telemetry/otlp_settings.ts";
import { eventually } from "../support/build.ts";
import { named, type ReceivedExport, startReceiver } from "./receiver.ts";

/** Nobody listens there: it is given to nobody who asks for any port. */
const NOBODY = "http://127.0.0.1:1";
const STARTED_AT = 1_700_000_000_000;
const JOB = { type: "email.send", queue: "mails" };

function readingOf(stats: WorkerStats): Reading {
  return {
    worker: { stats, state: "connected", turns: 0 },
    ...{ http: null, database: null, failedLooks: 0, lagSeconds: 0 },
    pool: { open: 1, busy: 0, max: 8, calls: 0, deadlines: 0 },
  };
}

function exporting(
  stats: WorkerStats,
  variables: Readonly<Record<string, string>>,
  { onRead = () => {}, lastMs = 60_000 } = {},
): OtlpMetrics {
  const { settings, problems } = readOtlpSettings((name) => variables[name], "one");
  assertEquals(problems, []);
  const read = () => {
    onRead();
    return Promise.resolve(readingOf(stats));
  };
  return new OtlpMetrics({ settings, clock: systemClock, startedAt: STARTED_AT, read, lastMs });
}

function executionOf({ metrics }: ReceivedExport) {
  const metric = metrics.find(({ name }) => name === "perdura_job_execution_seconds");
  const [point, ...others] = metric?.histogram?.dataPoints ?? [];
  assertEquals(others, []);
  return point;
}

/** What is logged from now on. */
async function logged(): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  await configure({
    sinks: { list: (record) => void records.push(record) },
    loggers: [
      { category: ["perdura"], lowestLevel: "info", sinks: ["list"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
    reset: true,
  });
  return records;
}

Deno.test("a histogram goes out with its bounds, counts, sum, unit and labels", async () => {
  await using receiver = startReceiver();
  const stats = new WorkerStats();
  const series = stats.jobs.of(JOB);
  for (const seconds of [0.001, 0.002, 0.05, 301]) series.execution.observe(seconds);
  stats.jobs.settled(JOB, null);
  const exporter = exporting(stats, {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Basic%20secret",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test",
  });
  await exporter.stop();
  const [sent, ...others] = receiver.exports;
  assert(sent);
  assertEquals(others.length, 0, "its interval is a minute: only the last flush");
  assertEquals(sent.headers.get("authorization"), "Basic secret");
  assertEquals(sent.headers.get("content-type"), "application/json");
  assertEquals([sent.resource["service.name"], sent.resource["service.instance.id"]], [
    "perdura",
    "one",
  ]);
  assertEquals(sent.resource["deployment.environment"], "test");
  const point = executionOf(sent);
  assert(point);
  assertEquals(named(point.attributes), JOB);
  assertEquals(point.explicitBounds, [...WORK_SECONDS]);
  const buckets = WORK_SECONDS.map((bound) =>
    bound === 0.001 || bound === 0.0025 || bound === 0.05
  );
  assertEquals(point.bucketCounts, [...buckets, true].map((has) => has ? "1" : "0"));
  assertEquals([point.count, point.sum], ["4", 0.001 + 0.002 + 0.05 + 301]);
  assertEquals(point.startTimeUnixNano, `${STARTED_AT}000000`);
  assert(BigInt(point.timeUnixNano) > BigInt(point.startTimeUnixNano));
  const by = (name: string) => sent.metrics.find((metric) => metric.name === name);
  assertEquals(by("perdura_job_execution_seconds")?.unit, "s");
  assertEquals(
    by("perdura_job_wait_seconds")?.histogram?.dataPoints[0]?.explicitBounds,
    [...WAIT_SECONDS],
  );
  const [processed] = by("perdura_jobs_processed_total")?.sum?.dataPoints ?? [];
  assert(processed);
  assertEquals([named(processed.attributes), processed.asDouble], [JOB, 1]);
  assertEquals(by("perdura_worker_connected")?.gauge?.dataPoints[0]?.asDouble, 1);
  assertEquals(by("perdura_http_request_seconds"), undefined, "a worker has none");
});

Deno.test("each export tells all since the start, and the end tells what the last one did not", async () => {
  await using receiver = startReceiver();
  const stats = new WorkerStats();
  const { execution } = stats.jobs.of(JOB);
  execution.observe(1);
  const exporter = exporting(stats, {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${receiver.url}/v1/metrics`,
    OTEL_METRIC_EXPORT_INTERVAL: "10",
  });
  const told = (count: string) =>
    eventually(`${count} are told`, () => {
      const points = receiver.exports.map(executionOf);
      return Promise.resolve(points.find((point) => point?.count === count));
    });
  const first = await told("1");
  execution.observe(2);
  const second = await told("2");
  assertEquals([first.sum, second.sum], [1, 3]);
  assertEquals(second.startTimeUnixNano, first.startTimeUnixNano);
  assert(BigInt(second.timeUnixNano) > BigInt(first.timeUnixNano));
  execution.observe(4);
  await exporter.stop();
  const last = receiver.exports.at(-1);
  assertEquals(last && executionOf(last)?.sum, 7);
});

Deno.test("a collector that answers 500 costs one line, and one when it is back", async () => {
  const records = await logged();
  let status = 500;
  await using receiver = startReceiver(() => new Response("no", { status }));
  const exporter = exporting(new WorkerStats(), {
    OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/?key=hunter2`,
    OTEL_METRIC_EXPORT_INTERVAL: "5",
  });
  const came = (count: number) =>
    eventually(`${count} came`, () => Promise.resolve(receiver.exports.length >= count));
  await came(4);
  status = 200;
  await came(receiver.exports.length + 4);
  await exporter.stop();
  assertEquals(records.map(({ level }) => level), ["warning", "info"]);
  assertStringIncludes(String(records[0]?.properties.reason), "500");
  assert(!JSON.stringify(records).includes("hunter2"));
});

Deno.test("a collector that is not there costs one line", async () => {
  const records = await logged();
  let reads = 0;
  const exporter = exporting(new WorkerStats(), {
    OTEL_EXPORTER_OTLP_ENDPOINT: NOBODY,
    OTEL_METRIC_EXPORT_INTERVAL: "5",
  }, { onRead: () => reads++ });
  await eventually("it has tried", () => Promise.resolve(reads >= 4));
  await exporter.stop();
  assertEquals(records.length, 1);
});

Deno.test("a collector that never answers costs one line, and does not hold up the end", async () => {
  const records = await logged();
  const { promise, resolve } = Promise.withResolvers<void>();
  await using receiver = startReceiver(() => promise.then(() => Response.json({})));
  const exporter = exporting(new WorkerStats(), {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    ...{ OTEL_METRIC_EXPORT_INTERVAL: "5", OTEL_EXPORTER_OTLP_TIMEOUT: "20" },
  }, { lastMs: 100 });
  await eventually("it has tried", () => Promise.resolve(receiver.exports.length >= 3));
  await exporter.stop();
  assertEquals(records.length, 1);
  assertStringIncludes(String(records[0]?.properties.reason), "20 ms");
  resolve();
});

Deno.test("the variables of the specification are read, wrong ones passed over and named", () => {
  const read = (variables: Readonly<Record<string, string>>) =>
    readOtlpSettings((name) => variables[name], "one");
  const { settings } = read({});
  assertEquals([settings.url, settings.intervalMs, settings.timeoutMs], [
    ...["http://localhost:4318/v1/metrics", 60_000, 10_000],
  ]);
  const under = read({ OTEL_EXPORTER_OTLP_ENDPOINT: "https://x/otlp/" }).settings;
  assertEquals(under.url, "https://x/otlp/v1/metrics");
  const own = read({
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://x",
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "https://y/in",
    ...{ OTEL_EXPORTER_OTLP_HEADERS: "a=1, b=2", OTEL_EXPORTER_OTLP_METRICS_HEADERS: "b=3" },
    ...{ OTEL_EXPORTER_OTLP_TIMEOUT: "70", OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "80" },
    OTEL_RESOURCE_ATTRIBUTES: "service.name=a,service.instance.id=mine",
    OTEL_SERVICE_NAME: "b",
  }).settings;
  assertEquals([own.url, own.timeoutMs], ["https://y/in", 80]);
  assertEquals(own.headers, { a: "1", b: "3" });
  assertEquals([own.resource["service.name"], own.resource["service.instance.id"]], ["b", "mine"]);
  const wrong = read({
    OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318",
    OTEL_EXPORTER_OTLP_HEADERS: "token=%zz",
    ...{ OTEL_METRIC_EXPORT_INTERVAL: "1s", OTEL_METRIC_EXPORT_TIMEOUT: "0" },
  });
  assertEquals(wrong.settings, settings, "as if they were not set");
  assertEquals(wrong.problems.map((text) => text.split(" ")[0]).toSorted(), [
    ...["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"],
    ...["OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT"],
  ]);
  assert(!wrong.problems.join().includes("zz"), "values may be secrets");
});
