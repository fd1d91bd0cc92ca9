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
  let lastId = "9223372036854775807";
  const [mark] = (await pool.query("select to_regclass('bench_mark') as name")).rows;
  if (mark.name) {
    lastId = (await pool.query("select id from bench_mark")).rows[0].id;
  }
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
      const text =
        "select exists (select from graphile_worker._private_jobs where id <= $1) as busy";
      return (await pool.query(text, [lastId])).rows[0].busy;
    },
    async mark() {
      await pool.query(
        "create table bench_mark as select max(id) as id from graphile_worker._private_jobs",
      );
    },
  };
});

function jobOf({ payload, delayMs }: Work) {
  return { identifier: TASK, payload, ...specOf(delayMs) };
}

function specOf(delayMs?: number) {
  return delayMs === undefined ? {} : { runAt: new Date(Date.now() + delayMs) };
}
