/**
 * Perdura with its default settings: the worker of `main.ts worker`, with one handler that counts.
 *
 * `ceiling`: the store's statements alone, without runtime and handlers.
 */
import { defineHandler, indexHandlers, Jobs, migrate, openStore, Worker } from "perdura";
import postgres from "postgres";
import { z } from "zod";
import { backoffOf } from "../../src/cli/handling.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { systemClock, systemRandom } from "../../src/core/clock.ts";
import { runAgent } from "../agent/agent.ts";
import type { AgentConfig, Payload, Run, System, Work } from "../agent/system.ts";
import { BareInsert, BareWorker } from "./ceiling.ts";

const TYPE = "bench.order";

function open({ url, variant }: AgentConfig): System {
  const settings = readSettings({});
  const store = openStore({ url, name: "perdura bench" });
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const shared = { store, clock: systemClock };
  let run: Run = () => {};
  const handlers = indexHandlers([defineHandler({
    type: TYPE,
    input: z.unknown(),
    retry: { baseMs: 1000, factor: 1 },
    handle: (input, { job, step }) => {
      const payload = input as Payload;
      if (variant === "workflow") {
        return fiveSteps(step).then(() => run(payload, job.attempt));
      }
      return run(payload, job.attempt)?.then(() => null) ?? null;
    },
  })]);
  const backoff = backoffOf(settings);
  const jobs = new Jobs({
    ...shared,
    handlers,
    defaults: {
      maxAttempts: settings.JOB_MAX_ATTEMPTS,
      maxCrashes: settings.JOB_MAX_CRASHES,
      backoff,
    },
  });
  const template = jobs.prepare({ type: TYPE }, "").row;
  const bare = new BareInsert(store, sql, template);
  return {
    async setUp() {
      await migrate({ url });
    },
    add: (work) => variant === "ceiling" ? bare.add(work) : jobs.enqueue(inputOf(work)),
    addMany: (works) =>
      variant === "ceiling" ? bare.addMany(works) : jobs.enqueueMany(works.map(inputOf)),
    async work({ concurrency }, given) {
      run = given;
      if (variant === "ceiling") {
        return await new BareWorker(store, settings.WORKER_BATCH_SIZE, run).start(sql);
      }
      const worker = new Worker({
        ...shared,
        handlers,
        random: systemRandom,
        concurrency: concurrency ?? settings.WORKER_CONCURRENCY,
        batchSize: settings.WORKER_BATCH_SIZE,
        pollMs: settings.WORKER_POLL_MS,
        leaseMs: settings.WORKER_LEASE_MS,
        sweepMs: settings.SWEEP_MS,
        shutdownMs: settings.SHUTDOWN_MS,
        backoff,
        queues: null,
        partitionKey: null,
        defaults: { maxAttempts: settings.JOB_MAX_ATTEMPTS, maxCrashes: settings.JOB_MAX_CRASHES },
      });
      jobs.attach(worker);
      worker.start();
      await Promise.resolve();
    },
    async isBusy() {
      const [row] = await sql.unsafe(BUSY);
      return row?.busy === true;
    },
  };
}

const BUSY = "select exists (select from perdura.job) as busy";
function inputOf({ payload, delayMs, tenant }: Work) {
  return {
    type: TYPE,
    payload,
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(tenant === undefined ? {} : { tenantId: tenant }),
  };
}

/** The peers' workflow of five steps, as a job that remembers its steps. */
async function fiveSteps(
  step: (name: string, work: () => Promise<number>) => Promise<unknown>,
): Promise<void> {
  for (let n = 1; n <= 5; n++) {
    await step(`step ${n}`, () => Promise.resolve(n));
  }
}

await runAgent((config) => Promise.resolve(open(config)));
