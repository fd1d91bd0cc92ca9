/** openworkflow: 100 workflows at once; it has no other setting. See https://openworkflow.dev/docs. */
import { OpenWorkflow } from "openworkflow";
import { BackendPostgres } from "openworkflow/postgres";
import pg from "pg";
import { runAgent } from "../agent/agent.ts";
import type { AgentConfig, Payload, Run } from "../agent/system.ts";

await runAgent(async ({ url, variant }: AgentConfig) => {
  let run: Run = () => {};
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const backend = await BackendPostgres.connect(url);
  const app = new OpenWorkflow({ backend });
  const order = app.defineWorkflow<Payload, null>(
    { name: "order" },
    async ({ input, step }) => {
      if (variant === "workflow") {
        for (let n = 1; n <= 5; n++) {
          await step.run({ name: `step${n}` }, () => Promise.resolve(n));
        }
      }
      await run(input, 1);
      return null;
    },
  );
  return {
    // Connecting has made the schema.
    setUp: () => Promise.resolve(),
    add: ({ payload }) => order.run(payload),
    async addMany(works) {
      for (const { payload } of works) await order.run(payload);
    },
    async work({ concurrency }, given) {
      run = given;
      await app.newWorker({ concurrency: concurrency ?? 100 }).start();
    },
    async isBusy() {
      const text = `select exists (
        select from openworkflow.workflow_runs
         where status not in ('completed', 'succeeded', 'failed', 'canceled')) as busy`;
      return (await pool.query(text)).rows[0].busy;
    },
  };
});
