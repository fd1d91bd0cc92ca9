/** A worker in this process, on a real database, with quick settings. */
import { systemClock, systemRandom } from "../../src/core/clock.ts";
import { type Handler, indexHandlers } from "../../src/runtime/handlers.ts";
import { Jobs } from "../../src/runtime/jobs.ts";
import { Worker, type WorkerOptions } from "../../src/runtime/worker.ts";
import type { Job } from "../../src/core/job.ts";
import type { JobState } from "../../machines/job.ts";
import { eventually } from "./build.ts";
import type { TestDatabase } from "./database.ts";

const backoff = { baseMs: 20, factor: 1, capMs: 20 };

/** A worker and the client side beside it. `await using` stops it. */
export interface TestWorker extends AsyncDisposable {
  readonly worker: Worker;
  readonly jobs: Jobs;
  /** Stores a job and waits until it is in one of these states. */
  run(type: string, payload: unknown, ...states: JobState[]): Promise<Job>;
  /** Waits until a job is in one of these states. */
  reach(id: string, ...states: JobState[]): Promise<Job>;
}

/** Starts a worker. */
export function testWorker(
  db: TestDatabase,
  handlers: readonly Handler[],
  overrides: Partial<WorkerOptions> = {},
): TestWorker {
  const index = indexHandlers(handlers);
  const jobs = new Jobs({
    store: db.store,
    handlers: index,
    clock: systemClock,
    defaults: { maxAttempts: 3, maxCrashes: 3, backoff },
  });
  const worker = new Worker({
    store: db.store,
    handlers: index,
    clock: systemClock,
    random: systemRandom,
    concurrency: 20,
    batchSize: 100,
    pollMs: 100,
    // A machine that stands still for seconds loses none: whose test needs that says so.
    leaseMs: 30_000,
    sweepMs: 500,
    shutdownMs: 2_000,
    backoff,
    queues: null,
    partitionKey: null,
    defaults: { maxAttempts: 3, maxCrashes: 3 },
    ...overrides,
  });
  worker.start();
  const reach = (id: string, ...states: JobState[]) =>
    eventually(`job ${id} becomes ${states.join(" or ")}`, async () => {
      const job = await jobs.get(null, id);
      return states.includes(job.state) && job;
    });
  const run = async (type: string, payload: unknown, ...states: JobState[]) => {
    const { id } = await jobs.enqueueUnchecked({ type, payload });
    return await reach(id, ...(states.length > 0 ? states : ["succeeded", "dead_letter"] as const));
  };
  return { worker, jobs, run, reach, [Symbol.asyncDispose]: () => worker.stop() };
}
