/** `worker`: runs handlers. Never binds PORT; goes on with no API alive. */
import { getLogger } from "@logtape/logtape";
import { Hono } from "hono";
import { systemClock, systemRandom } from "../core/clock.ts";
import { NotFoundError } from "../core/errors.ts";
import { envelope } from "../http/envelope.ts";
import { healthRoutes } from "../http/health.ts";
import { onlyGet } from "../http/methods.ts";
import { problemResponse } from "../http/problem.ts";
import { activityHandlers } from "../runtime/activities.ts";
import { type DeclaredRetention, declareRetention } from "../runtime/declaring.ts";
import { Worker, type WorkerOptions } from "../runtime/worker.ts";
import { during } from "../runtime/starting.ts";
import { startHandlers } from "../runtime/starts.ts";
import type { Store } from "../store/store.ts";
import { Exposition } from "../telemetry/exposition.ts";
import { named } from "../telemetry/log_names.ts";
import { actorsOf, machinesOf } from "./actors.ts";
import { headersMsOf, listen } from "./listening.ts";
import { backoffOf, handlersOf } from "./handling.ts";
import { sayStart, untilSignal, whenAvailable, withStore } from "./service.ts";
import type { Settings } from "./settings.ts";
import { exportMetrics, tracingOfProcess } from "./telemetry.ts";

const log = getLogger(["perdura", "worker"]);

/** How a worker was started. */
export interface WorkerCommand {
  /** The parent holds our standard input: its end is the parent's death, and ours. */
  readonly withParent: boolean;
}

/** Runs until it is told to stop, or its parent is gone. */
export async function runWorker(settings: Settings, command: WorkerCommand): Promise<void> {
  const stopped = command.withParent
    ? Promise.race([untilSignal(settings.SHUTDOWN_MS), untilParentIsGone()])
    : untilSignal(settings.SHUTDOWN_MS);
  const debug = settings.PERDURA_DEBUG ?? false;
  const name = "perdura worker";
  sayStart(name);
  await withStore(settings, { name, debug, isService: true }, async (store) => {
    const worker = new Worker(workerOptions(settings, store, debug));
    // Before the first claim: with a port that is taken it ends here, and holds no job.
    const exposition = new Exposition({ observer: store.observer, clock: systemClock, worker });
    const metrics = exportMetrics(exposition, worker.id);
    const closeHttp = serveWorkerHttp(settings, store, worker, exposition);
    const declare = () => declareRetention(store, retentionOf(settings));
    await during("retention", () => whenAvailable(declare));
    worker.start();
    log.info("Worker {worker} started", { worker: worker.id, pid: Deno.pid });
    await stopped;
    log.info("Worker {worker} stops", { worker: worker.id });
    await worker.stop();
    await metrics?.stop();
    await closeHttp();
    exposition.stop();
  });
}

/** What the settings say is kept. */
function retentionOf(settings: Settings): DeclaredRetention {
  const ms = (days: number | null) => days === null ? null : days * 24 * 3_600_000;
  return {
    succeeded: ms(settings.RETAIN_SUCCEEDED_DAYS),
    cancelled: ms(settings.RETAIN_CANCELLED_DAYS),
    dead_letter: ms(settings.RETAIN_DEAD_LETTER_DAYS),
    history: ms(settings.RETAIN_HISTORY_DAYS),
    actor: ms(settings.RETAIN_ACTOR_DAYS),
    operation: ms(settings.RETAIN_OPERATION_DAYS),
  };
}

/** What a worker of these settings runs, and how. */
export function workerOptions(settings: Settings, store: Store, debug: boolean): WorkerOptions {
  const machines = machinesOf(debug, settings.own);
  const { turner } = actorsOf(settings, store, machines);
  const more = [...activityHandlers(machines), ...startHandlers(turner)];
  const handlers = handlersOf(settings, debug, more);
  return {
    store,
    handlers: tracingOfProcess()?.handlers(handlers) ?? named(handlers),
    turner,
    clock: systemClock,
    random: systemRandom,
    concurrency: settings.WORKER_CONCURRENCY,
    batchSize: settings.WORKER_BATCH_SIZE,
    pollMs: settings.WORKER_POLL_MS,
    leaseMs: settings.WORKER_LEASE_MS,
    sweepMs: settings.SWEEP_MS,
    shutdownMs: settings.SHUTDOWN_MS,
    backoff: backoffOf(settings),
    queues: settings.WORKER_QUEUES,
    partitionKey: settings.WORKER_PARTITION_KEY,
    tenantRate: settings.TENANT_RATE_PER_MINUTE,
    defaults: { maxAttempts: settings.JOB_MAX_ATTEMPTS, maxCrashes: settings.JOB_MAX_CRASHES },
  };
}

/** Health and metrics, when a port is set. A worker that has not polled lately is not ready. */
function serveWorkerHttp(
  settings: Settings,
  store: Store,
  worker: Worker,
  exposition: Exposition,
): () => Promise<void> {
  const port = settings.WORKER_HTTP_PORT;
  if (port === null) return () => Promise.resolve();
  const patienceMs = Math.max(5_000, 3 * settings.WORKER_POLL_MS);
  const app = new Hono()
    .use(envelope())
    .route(
      "/",
      healthRoutes({
        database: () => store.isWritable().then(() => true),
        claim: () => worker.state === "connected" && worker.sinceLastClaimMs < patienceMs,
      }),
    )
    .get("/metrics", () => exposition.respond())
    .all("/metrics", onlyGet)
    .notFound((c) => problemResponse(c, new NotFoundError("route", c.req.path)))
    .onError((error, c) => problemResponse(c, error));
  const place = { hostname: settings.HOST, port, setting: "WORKER_HTTP_PORT" } as const;
  const server = listen({ ...place, headersMs: headersMsOf(settings) }, app.fetch);
  log.info("Worker health on port {port}", { port: server.port });
  return () => server.shutdown();
}

async function untilParentIsGone(): Promise<void> {
  const buffer = new Uint8Array(1);
  while (await Deno.stdin.read(buffer).catch(() => null) !== null) {
    // Nothing is ever sent; only the end matters.
  }
}
