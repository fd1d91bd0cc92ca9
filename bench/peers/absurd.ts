/**
 * Absurd: 100 tasks at once unless told otherwise, claimed by as many, polled every 50 ms.
 *
 * Its npm package has no schema. ABSURD_SQL names a copy of `sql/absurd.sql` of its repository.
 */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { Absurd } from "absurd-sdk";
import pg from "pg";
import { complain, runAgent } from "../agent/agent.ts";
import type { AgentConfig, Payload, Run } from "../agent/system.ts";

const QUEUE = "bench";

await runAgent(({ url, variant }: AgentConfig) => {
  let run: Run = () => {};
  const pool = new pg.Pool({ connectionString: url, max: 32 });
  const log = { log() {}, info() {}, warn() {}, error: complain };
  const app = new Absurd({ db: pool, queueName: QUEUE, log });
  app.registerTask<Payload, null>({ name: "order" }, async (payload, task) => {
    if (variant === "workflow") {
      for (let n = 1; n <= 5; n++) {
        await task.step(`step${n}`, () => Promise.resolve(n));
      }
    }
    await run(payload, 1);
    return null;
  });
  return Promise.resolve({
    async setUp() {
      await pool.query(await readFile(process.env.ABSURD_SQL ?? "", "utf8"));
      await app.createQueue(QUEUE);
    },
    add: ({ payload }) => app.spawn("order", payload),
    async addMany(works) {
      for (const { payload } of works) await app.spawn("order", payload);
    },
    async work({ concurrency }, given) {
      run = given;
      await app.startWorker({
        concurrency: concurrency ?? 100,
        batchSize: concurrency ?? 100,
        pollInterval: 0.05,
      });
    },
    async isBusy() {
      const text = `select exists (
        select from absurd.t_${QUEUE}
         where state not in ('completed', 'failed', 'cancelled')) as busy`;
      return (await pool.query(text)).rows[0].busy;
    },
  });
});
