/** Every metric: name, unit, meaning, labels. */
import { JOB_STATES } from "../../machines/job.ts";
import type { Histogram } from "../runtime/histogram.ts";
import { OTHER, type Series } from "../runtime/job_stats.ts";
import type { WorkerStats } from "../runtime/stats.ts";
import type { PoolUse } from "../store/store.ts";
import type { Metric, Reading, Sample } from "./metric.ts";
import type { Look } from "./watcher.ts";

/** Queues that are told apart; the rest is added up as `other`. */
const QUEUES_MAX = 50;

const one = <V>(value: V): Sample<V>[] => [{ labels: [], value }];

function ofJobs(name: string, help: string, read: (series: Series) => number): Metric {
  return {
    name: `perdura_jobs_${name}_total`,
    kind: "counter",
    help,
    labels: ["type", "queue"],
    of: "worker",
    read: ({ worker }) => eachSeries(worker, read),
  };
}

function eachSeries<V>(worker: Reading["worker"], read: (series: Series) => V): Sample<V>[] {
  return worker?.stats.jobs.all.map((series) => ({
    labels: [series.type, series.queue],
    value: read(series),
  })) ?? [];
}

function ofWorker(
  kind: "counter" | "gauge",
  name: string,
  help: string,
  read: (worker: NonNullable<Reading["worker"]>) => number,
): Metric {
  const full = `perdura_${name}`;
  return {
    ...{ name: full, kind, help, labels: [], of: "worker" },
    read: ({ worker }) => worker ? one(read(worker)) : [],
  };
}

function timeOf(name: string, help: string, read: (stats: WorkerStats) => Histogram): Metric {
  return {
    ...{ name: `perdura_${name}`, kind: "histogram", help, labels: [], of: "worker" },
    read: ({ worker }) => worker ? one(read(worker.stats)) : [],
  };
}

function ofPool(
  kind: "counter" | "gauge",
  name: string,
  help: string,
  read: (p: PoolUse) => number,
) {
  const full = `perdura_database_${name}`;
  const metric: Metric = {
    ...{ name: full, kind, help, labels: [], of: "both" },
    read: ({ pool }) => one(read(pool)),
  };
  return metric;
}

function ofDatabase(name: string, help: string, read: (look: Look) => number): Metric {
  return {
    ...{ name: `perdura_${name}`, kind: "gauge", help, labels: [], of: "both" },
    read: ({ database }) => database ? one(read(database)) : [],
  };
}

/** All of them, in the order of docs/metrics.md. */
export const metrics: readonly Metric[] = [
  ofJobs("processed", "Attempts whose outcome was committed", (s) => s.processed),
  ofJobs("failed", "Attempts that failed", (s) => s.failed),
  ofJobs("retried", "Failed attempts that another one follows", (s) => s.retried),
  ofJobs("dead", "Jobs that gave up: no attempt or crash was left", (s) => s.dead),
  ofJobs("crashed", "Jobs that this process took from workers that were gone", (s) => s.crashed),
  ofJobs(
    "fenced",
    "Late outcomes that the fence refused: somebody else has the job",
    (s) => s.fenced,
  ),
  ofJobs("snoozed", "Attempts that put their job off", (s) => s.snoozed),
  {
    name: "perdura_jobs_active",
    kind: "gauge",
    help: "Handlers that run at this moment",
    labels: ["type", "queue"],
    of: "worker",
    read: ({ worker }) => eachSeries(worker, (s) => s.active),
  },
  {
    name: "perdura_job_execution_seconds",
    kind: "histogram",
    help: "From the start of a handler to its end",
    labels: ["type", "queue"],
    of: "worker",
    read: ({ worker }) => eachSeries(worker, (s) => s.execution),
  },
  {
    name: "perdura_job_wait_seconds",
    kind: "histogram",
    help: "From the time that a job was due to the start of its handler",
    labels: ["type", "queue"],
    of: "worker",
    read: ({ worker }) => eachSeries(worker, (s) => s.wait),
  },
  timeOf("claim_seconds", "From sending a claim to its answer", (s) => s.claimTime),
  timeOf("commit_seconds", "From sending a batch of outcomes to its answer", (s) => s.commitTime),
  timeOf("sweep_seconds", "A sweep, from its start to its end", (s) => s.sweepTime),
  ofWorker(
    "counter",
    "leases_lost_total",
    "Leases that were gone when they were renewed",
    (w) => w.stats.leasesLost,
  ),
  ofWorker("counter", "turns_total", "Turns of actors", (w) => w.turns),
  ofWorker("counter", "worker_claimed_total", "Jobs claimed", (w) => w.stats.claimed),
  ofWorker("counter", "worker_finished_total", "Attempts ended", (w) => w.stats.finished),
  ofWorker("counter", "worker_failed_total", "Attempts failed", (w) => w.stats.failed),
  ofWorker(
    "counter",
    "worker_fenced_total",
    "Late writes refused by the fence",
    (w) => w.stats.fenced,
  ),
  ofWorker("counter", "worker_interrupted_total", "Jobs handed back", (w) => w.stats.interrupted),
  ofWorker(
    "counter",
    "worker_recovered_total",
    "Jobs recovered by sweeps",
    (w) => w.stats.recovered,
  ),
  ofWorker(
    "counter",
    "worker_quarantined_total",
    "Jobs put in quarantine",
    (w) => w.stats.quarantined,
  ),
  ofWorker(
    "counter",
    "worker_abandoned_total",
    "Handlers that did not stop",
    (w) => w.stats.abandoned,
  ),
  ofWorker("gauge", "worker_running", "Handlers running", (w) => w.stats.running),
  ofWorker("gauge", "worker_buffered", "Jobs claimed and not started", (w) => w.stats.buffered),
  ofWorker(
    "gauge",
    "worker_unsettled",
    "Outcomes on their way to the database",
    (w) => w.stats.unsettled,
  ),
  ofWorker("gauge", "worker_connected", "Database reached", (w) => w.state === "connected" ? 1 : 0),
  {
    name: "perdura_http_request_seconds",
    kind: "histogram",
    help: "From a request to the head of its answer",
    labels: ["method", "status"],
    of: "api",
    read: ({ http }) =>
      [...http?.all ?? []].map(({ method, status, time }) => ({
        labels: [method, status],
        value: time,
      })),
  },
  {
    name: "perdura_job_events_refused_total",
    kind: "counter",
    help: "Events for jobs that were refused: answers that are late, doubled, forged or too large",
    labels: ["code"],
    of: "api",
    read: ({ http }) =>
      [...http?.refusedEvents ?? []].map(([code, value]) => ({ labels: [code], value })),
  },
  ofPool("gauge", "connections", "Connections of the pool", (p) => p.open),
  ofPool("gauge", "connections_busy", "Connections with a statement under way", (p) => p.busy),
  ofPool("gauge", "connections_max", "Connections that the pool may have", (p) => p.max),
  ofPool("gauge", "calls", "Statements under way or waiting for a connection", (p) => p.calls),
  ofPool(
    "counter",
    "deadlines_total",
    "Times that the database did not answer before the deadline",
    (
      p,
    ) => p.deadlines,
  ),
  {
    name: "perdura_event_loop_lag_seconds",
    kind: "gauge",
    help: "The longest lateness of a timer of the process since the last reading",
    labels: [],
    of: "both",
    read: ({ lagSeconds }) => one(lagSeconds),
  },
  {
    name: "perdura_jobs",
    kind: "gauge",
    help: `Jobs by state; queues past ${QUEUES_MAX} together as ${OTHER}`,
    labels: ["queue", "state"],
    of: "both",
    read: ({ database }) => database ? jobsOf(database) : [],
  },
  {
    name: "perdura_oldest_due_age_seconds",
    kind: "gauge",
    help: "For how long the oldest waiting job of a queue has been due; what is paused not counted",
    labels: ["queue"],
    of: "both",
    read: ({ database }) =>
      database?.backlog.slice(0, QUEUES_MAX).map(({ queue, seconds }) => ({
        labels: [queue],
        value: seconds,
      })) ?? [],
  },
  ofDatabase(
    "backlog_age_seconds",
    "The oldest of all queues; scale workers by it",
    (d) => Math.max(0, ...d.backlog.map(({ seconds }) => seconds)),
  ),
  ofDatabase("leases", "Leases that are held", (d) => d.leases),
  ofDatabase("mailbox_due", "Mail of actors that is due; 10,000 means: or more", (d) => d.mail),
  ofDatabase(
    "mailbox_oldest_due_age_seconds",
    "For how long the oldest mail has been due",
    (d) => d.oldestMailSeconds,
  ),
  ofDatabase(
    "timer_lateness_seconds",
    "How late the latest timer of an actor is",
    (d) => d.oldestTimerSeconds,
  ),
  ofDatabase(
    "schedule_lateness_seconds",
    "How late the latest schedule is",
    (d) => d.oldestFireSeconds,
  ),
  ofDatabase("inbox_letters", "Jobs that came in by SQL and are not made yet", (d) => d.inbox),
  ofDatabase(
    "oldest_transaction_seconds",
    "Age of the oldest open transaction of the database",
    (d) => d.oldestTransactionSeconds,
  ),
  {
    name: "perdura_dead_tuple_ratio",
    kind: "gauge",
    help: "Dead rows of a table, 0 to 1, as the statistics have it",
    labels: ["table"],
    of: "both",
    read: ({ database }) =>
      database?.deadRatios.map(([table, ratio]) => ({ labels: [table], value: ratio })) ?? [],
  },
  ofDatabase("database_look_age_seconds", "Age of the look at the database that gauges come from", (
    d,
  ) => d.ageSeconds),
  {
    name: "perdura_database_look_failures_total",
    kind: "counter",
    help: "Looks at the database that failed",
    labels: [],
    of: "both",
    read: ({ failedLooks }) => one(failedLooks),
  },
];

/** Every state of every queue, zeros too: what is gone must not stand still. */
function jobsOf({ jobs }: Look): Sample<number>[] {
  const sizes = new Map<string, number>();
  for (const { queue, count } of jobs) sizes.set(queue, (sizes.get(queue) ?? 0) + count);
  const named = [...sizes].sort(([, a], [, b]) => b - a).slice(0, QUEUES_MAX).map(([q]) => q);
  const known = new Set(named);
  const counts = new Map<string, number>();
  for (const queue of [...named, ...(sizes.size > named.length ? [OTHER] : [])]) {
    for (const state of JOB_STATES) counts.set(`${state} ${queue}`, 0);
  }
  for (const { queue, state, count } of jobs) {
    const key = `${state} ${known.has(queue) ? queue : OTHER}`;
    counts.set(key, (counts.get(key) ?? 0) + count);
  }
  return [...counts].map(([key, value]) => {
    const at = key.indexOf(" ");
    return { labels: [key.slice(at + 1), key.slice(0, at)], value };
  });
}
