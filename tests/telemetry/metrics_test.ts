/** `/metrics`: what jobs leave in it, what it costs, and that names and documents agree. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { systemClock } from "../../src/core/clock.ts";
import { giveUp, snooze } from "../../src/core/outcome.ts";
import type { HandlerContext } from "../../src/runtime/context.ts";
import { defineHandler } from "../../src/runtime/handlers.ts";
import { Histogram } from "../../src/runtime/histogram.ts";
import { JobStats, OTHER, SERIES_MAX } from "../../src/runtime/job_stats.ts";
import { Exposition } from "../../src/telemetry/exposition.ts";
import { metrics } from "../../src/telemetry/metrics.ts";
import { formattedMetricsPage, METRICS_PAGE } from "../../tools/metrics_page.ts";
import { buildJob, eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";
import { parseMetrics, valueOf } from "./support.ts";

let isSecond = false;
const ways: Readonly<Record<string, (context: HandlerContext) => unknown>> = {
  good: () => "ok",
  bad: ({ job }) => {
    if (job.attempt < 3) throw new Error("again");
    return giveUp("no use");
  },
  late: () => isSecond ? "ok" : (isSecond = true, snooze(1)),
};

Deno.test("what became of jobs is counted by type and queue, once it is committed", async () => {
  await using db = await testDatabase();
  await using w = testWorker(
    db,
    Object.entries(ways).map(([type, handle]) =>
      defineHandler({ type, input: z.unknown(), handle: (_, context) => handle(context) })
    ),
  );
  const exposition = new Exposition({
    observer: db.store.observer,
    clock: systemClock,
    worker: w.worker,
  });
  for (const type of Object.keys(ways)) await w.run(type, {}, "succeeded", "dead_letter");
  const read = async () => parseMetrics(await (await exposition.respond()).text());
  const seen = (type: string, what: string) => async () =>
    valueOf(await read(), `perdura_jobs_${what}_total`, { type, queue: "default" });
  await eventually("all are counted", async () => await seen("late", "processed")() === 2);
  const counts = async (type: string) =>
    await Promise.all(
      ["processed", "failed", "retried", "dead", "snoozed"].map((what) => seen(type, what)()),
    );
  assertEquals(await counts("good"), [1, 0, 0, 0, 0]);
  assertEquals(await counts("bad"), [3, 3, 2, 1, 0]);
  assertEquals(await counts("late"), [2, 0, 0, 0, 1]);
  const lines = await read();
  const bad = { type: "bad", queue: "default" };
  assertEquals(valueOf(lines, "perdura_jobs_active", bad), 0);
  assertEquals(valueOf(lines, "perdura_job_execution_seconds_count", bad), 3);
  assertEquals(valueOf(lines, "perdura_job_execution_seconds_bucket", { ...bad, le: "+Inf" }), 3);
  assertEquals(valueOf(lines, "perdura_job_wait_seconds_count", bad), 3);
  assert(Number(valueOf(lines, "perdura_commit_seconds_count")) > 0);
  assert(Number(valueOf(lines, "perdura_claim_seconds_count")) > 0);
  exposition.stop();
});

Deno.test("the database is looked at: what waits, for how long, and what holds it up", async () => {
  await using db = await testDatabase();
  await db.store.insert([buildJob(), buildJob()]);
  await db.sql`update perdura.job set run_at = now() - interval '90 seconds'`;
  const exposition = new Exposition({ observer: db.store.observer, clock: systemClock });
  const { promise, resolve } = Promise.withResolvers<void>();
  const held = db.sql.begin(async (sql) => {
    await sql`select 1`;
    await promise;
  });
  const queue = { queue: "default" };
  const lines = await eventually("the database has been looked at", async () => {
    const lines = parseMetrics(await (await exposition.respond()).text());
    return valueOf(lines, "perdura_jobs", { ...queue, state: "pending" }) !== undefined && lines;
  });
  resolve();
  await held;
  assertEquals(valueOf(lines, "perdura_jobs", { ...queue, state: "pending" }), 2);
  assertEquals(valueOf(lines, "perdura_jobs", { ...queue, state: "running" }), 0);
  const age = Number(valueOf(lines, "perdura_oldest_due_age_seconds", queue));
  assert(age >= 90 && age < 180, `${age}`);
  assertEquals(valueOf(lines, "perdura_backlog_age_seconds"), age);
  assert(Number(valueOf(lines, "perdura_oldest_transaction_seconds")) > 0);
  assertEquals(valueOf(lines, "perdura_mailbox_due"), 0);
  assertEquals(valueOf(lines, "perdura_database_connections_max"), 8);
  assertEquals(valueOf(lines, "perdura_jobs_processed_total"), undefined, "no worker here");
  // A queue that is paused waits for an operator: more workers would not help.
  await db.sql`insert into perdura.gate (tenant_id, kind, name, paused_at)
               values ('default', 1, 'default', now())`;
  const { backlog } = await db.store.observer.observe();
  assertEquals(backlog, []);
  exposition.stop();
});

Deno.test("without a database the numbers of the process are told all the same", async () => {
  await using db = await testDatabase();
  const failing = {
    pool: db.store.observer.pool,
    observe: () => Promise.reject(new Error("gone")),
  };
  const exposition = new Exposition({ observer: failing, clock: systemClock });
  const lines = parseMetrics(await (await exposition.respond()).text());
  assertEquals(valueOf(lines, "perdura_database_look_failures_total"), 1);
  assertEquals(valueOf(lines, "perdura_backlog_age_seconds"), undefined);
  exposition.stop();
});

Deno.test("clients cannot make series without end: past a bound, queues are one", () => {
  const stats = new JobStats();
  for (let n = 0; n < 10 * SERIES_MAX; n++) {
    stats.settled({ type: "t", queue: `queue ${n}` }, null);
  }
  assertEquals(stats.all.length, SERIES_MAX + 1);
  assertEquals(stats.of({ type: "t", queue: "queue 999" }).queue, OTHER);
  assertEquals(stats.all.reduce((sum, { processed }) => sum + processed, 0), 10 * SERIES_MAX);
});

Deno.test("a histogram counts each value under its bound, and what is above all", () => {
  const histogram = new Histogram([1, 2]);
  for (const value of [-1, 1, 1.5, 2, 9]) histogram.observe(value);
  assertEquals([...histogram.counts], [2, 2, 1]);
  assertEquals([histogram.sum, histogram.count], [13.5, 5]);
});

Deno.test("names have their unit, counters their ending, and labels are those that are bounded", () => {
  const bounded = ["type", "queue", "state", "table", "method", "status", "code"];
  for (const { name, kind, labels } of metrics) {
    assert(/^perdura_[a-z_]+$/.test(name), name);
    assertEquals(name.endsWith("_total"), kind === "counter", name);
    if (kind === "histogram") assert(name.endsWith("_seconds"), name);
    assertEquals(labels.filter((label) => !bounded.includes(label)), [], name);
  }
  assertEquals(new Set(metrics.map(({ name }) => name)).size, metrics.length);
});

Deno.test("docs/metrics.md is the list of the code", async () => {
  const page = await Deno.readTextFile(new URL(`../../${METRICS_PAGE}`, import.meta.url));
  assertEquals(page, await formattedMetricsPage());
});
