/** Health: whether this process lives, and whether it can do its work. */
import { Hono } from "hono";
import type { WorkerStats } from "../runtime/stats.ts";

/** One named check: resolves true when all is well, false or rejects otherwise. */
export type HealthChecks = Readonly<Record<string, () => boolean | Promise<boolean>>>;

const CHECK_MS_MAX = 2_000;

/** `/health`, `/health/live`, `/health/ready`. */
export function healthRoutes(checks: HealthChecks): Hono {
  const report = async () => {
    const entries = await Promise.all(
      Object.entries(checks).map(async ([name, check]) => [name, await outcomeOf(check)] as const),
    );
    const isOk = entries.every(([, outcome]) => outcome === "ok");
    const body = { status: isOk ? "ok" : "unavailable", checks: Object.fromEntries(entries) };
    return { body, status: isOk ? 200 as const : 503 as const };
  };
  const answer = async () => {
    const { body, status } = await report();
    return Response.json(body, { status, headers: { "cache-control": "no-store" } });
  };
  return new Hono()
    .get("/health", answer)
    .get("/health/ready", answer)
    .get("/health/live", (c) => c.json({ status: "ok" }));
}

/** `/metrics` of a worker process, in the Prometheus text format. */
export function workerMetrics(read: () => { stats: WorkerStats; state: string }): Hono {
  return new Hono().get("/metrics", (c) => {
    const { stats, state } = read();
    const lines = [
      ...metric("claimed_total", "counter", "Jobs claimed", stats.claimed),
      ...metric("finished_total", "counter", "Attempts ended", stats.finished),
      ...metric("failed_total", "counter", "Attempts failed", stats.failed),
      ...metric("fenced_total", "counter", "Late writes refused by the fence", stats.fenced),
      ...metric("interrupted_total", "counter", "Jobs handed back", stats.interrupted),
      ...metric("recovered_total", "counter", "Jobs recovered by sweeps", stats.recovered),
      ...metric("quarantined_total", "counter", "Jobs put in quarantine", stats.quarantined),
      ...metric("abandoned_total", "counter", "Handlers that did not stop", stats.abandoned),
      ...metric("running", "gauge", "Handlers running", stats.running),
      ...metric("buffered", "gauge", "Jobs claimed and not started", stats.buffered),
      ...metric("connected", "gauge", "Database reached", state === "connected" ? 1 : 0),
    ];
    return c.text(lines.join("\n") + "\n", 200, {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
    });
  });
}

async function outcomeOf(check: () => boolean | Promise<boolean>): Promise<"ok" | "failed"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((done) => {
    timer = setTimeout(() => done(false), CHECK_MS_MAX);
  });
  try {
    return await Promise.race([check(), late]) ? "ok" : "failed";
  } catch {
    return "failed";
  } finally {
    clearTimeout(timer);
  }
}

function metric(name: string, type: string, help: string, value: number): string[] {
  const full = `perdura_worker_${name}`;
  return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, `${full} ${value}`];
}
