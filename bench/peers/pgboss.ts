/**
 * pg-boss: batches and bursts as https://timgit.github.io/pg-boss (workers: batchSize,
 * localConcurrency, burstWhenBatchFull) has them, with the sizes that drained most here.
 *
 * `notify`: the listener that its documentation recommends for low latency.
 */
import pg from "pg";
import { PgBoss } from "pg-boss";
import { complain, runAgent } from "../agent/agent.ts";
import type { AgentConfig, Payload, Work } from "../agent/system.ts";

const QUEUE = "bench-order";

await runAgent(async ({ url, variant }: AgentConfig) => {
  const listens = variant === "notify";
  const boss = new PgBoss({
    connectionString: url,
    max: 32,
    useListenNotify: listens,
  });
  boss.on("error", complain);
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const isThere = (await pool.query("select to_regnamespace('pgboss') as name")).rows[0].name;
  if (isThere) await boss.start();
  return {
    async setUp() {
      await boss.start();
      await boss.createQueue(QUEUE, {
        notify: true,
        retryDelay: 1,
        retryBackoff: false,
      });
    },
    add: ({ payload, delayMs }) => boss.send(QUEUE, payload, startOf(delayMs)),
    addMany: (works) => boss.insert(QUEUE, works.map(jobOf)),
    work: ({ concurrency }, run) =>
      boss.work<Payload>(QUEUE, {
        batchSize: concurrency ?? 1000,
        localConcurrency: concurrency === null ? 2 : 1,
        burstWhenBatchFull: true,
        pollingIntervalSeconds: 0.5,
      }, async (jobs) => {
        await Promise.all(jobs.map((job) => run(job.data, 1)));
      }),
    async isBusy() {
      const text = "select exists (select from pgboss.job where state < 'completed') as busy";
      return (await pool.query(text)).rows[0].busy;
    },
  };
});

function jobOf({ payload, delayMs }: Work) {
  return { data: payload, ...startOf(delayMs) };
}

function startOf(delayMs?: number) {
  return delayMs === undefined ? {} : { startAfter: new Date(Date.now() + delayMs) };
}
