/**
 * DBOS: a queue with 200 workflows at once, polled every 50 ms, and a pool of 40 connections (the
 * defaults, one second and 20, made everything slower). See https://docs.dbos.dev, queues.
 */
import { DBOS, DBOSClient } from "@dbos-inc/dbos-sdk";
import pg from "pg";
import { runAgent } from "../agent/agent.ts";
import type { AgentConfig, Payload, Run } from "../agent/system.ts";

const QUEUE = "bench";

await runAgent(({ url, variant }: AgentConfig) => {
  let run: Run = () => {};
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: url,
    systemDatabasePoolSize: 40,
    logLevel: "error",
    applicationVersion: "bench",
  });
  DBOS.registerWorkflow(async (payload: Payload) => {
    if (variant === "workflow") {
      for (let n = 1; n <= 5; n++) {
        await DBOS.runStep(() => Promise.resolve(n), { name: `step${n}` });
      }
    }
    await run(payload, 1);
  }, { name: "order" });
  let client: DBOSClient | undefined;
  const add = async (payload: Payload) => {
    client ??= await DBOSClient.create({
      systemDatabaseUrl: url,
      systemDatabasePoolSize: 40,
    });
    const options = {
      workflowName: "order",
      queueName: QUEUE,
      appVersion: "bench",
    };
    await client.enqueue(options, payload);
  };
  const launch = async (workerConcurrency = 200) => {
    await DBOS.launch();
    const options = { workerConcurrency, minPollingIntervalMs: 50 };
    await DBOS.registerQueue(QUEUE, options);
  };
  return Promise.resolve({
    async setUp() {
      await launch();
      await DBOS.shutdown();
    },
    add: ({ payload }) => add(payload),
    async addMany(works) {
      for (const { payload } of works) await add(payload);
    },
    async work({ concurrency }, given) {
      run = given;
      await launch(concurrency ?? undefined);
    },
    async isBusy() {
      const text = `select exists (
        select from dbos.workflow_status where status in ('ENQUEUED', 'PENDING', 'DELAYED')) as busy`;
      return (await pool.query(text)).rows[0].busy;
    },
  });
});
