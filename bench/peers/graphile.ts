/**
 * graphile-worker.
 *
 * `fastest`: batching as https://worker.graphile.org/docs/performance has it, with the sizes that
 * drained most here. `24`: that page's number of jobs at once, without batching. `default`: as
 * installed. `workflow` is not its business.
 */
import { Logger, makeWorkerUtils, run as startRunner } from "graphile-worker";
import pg from "pg";
import { runAgent } from "../agent/agent.ts";
import type { AgentConfig, Payload, Work } from "../agent/system.ts";

const BATCHED = {
  localQueue: { size: 2000 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
};
const VARIANTS: Record<string, object> = {
  fastest: { concurrentJobs: 100, maxPoolSize: 25, ...BATCHED },
  24: { concurrentJobs: 24, maxPoolSize: 25 },
  default: {},
};

const TASK = "bench_order";
const silent = new Logger(() => () => {});

await runAgent(async ({ url, variant }: AgentConfig) => {
  const pool = new pg.Pool({ connectionString: url, max: 32 });
  const utils = await makeWorkerUtils({ pgPool: pool, logger: silent });
  return {
    setUp: () => utils.migrate(),
    add: ({ payload, delayMs }) => utils.addJob(TASK, payload, specOf(delayMs)),
    addMany: (works) => utils.addJobs(works.map(jobOf)),
    work: ({ concurrency }, run) =>
      startRunner({
        connectionString: url,
        logger: silent,
        noHandleSignals: true,
        preset: {
          worker: {
            connectionString: url,
            ...VARIANTS[variant],
            ...(concurrency === null ? {} : { concurrentJobs: concurrency }),
          },
        },
        taskList: {
          [TASK]: (payload, { job }) => run(payload as Payload, job.attempts),
        },
      }),
    async isBusy() {
      const text = "select exists (select from graphile_worker._private_jobs) as busy";
      return (await pool.query(text)).rows[0].busy;
    },
  };
});

function jobOf({ payload, delayMs }: Work) {
  return { identifier: TASK, payload, ...specOf(delayMs) };
}

function specOf(delayMs?: number) {
  return delayMs === undefined ? {} : { runAt: new Date(Date.now() + delayMs) };
}
