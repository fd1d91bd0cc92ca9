/**
 * BullMQ on Debian's Redis. A concurrency of 100 and bulk adds, as https://docs.bullmq.io/guide
 * (workers/concurrency, queues/adding-bulks) recommends for short jobs; the rest as installed.
 */
import { Queue, Worker } from "bullmq";
import { complain, runAgent } from "../agent/agent.ts";
import type { AgentConfig, Payload, Work } from "../agent/system.ts";

const QUEUE = "bench";
const CONCURRENCY = 100;

await runAgent(({ url }: AgentConfig) => {
  const { port, hostname } = new URL(url);
  const connection = {
    host: hostname,
    port: Number(port),
    maxRetriesPerRequest: null,
  };
  const queue = new Queue(QUEUE, { connection });
  return Promise.resolve({
    async setUp() {
      await queue.obliterate({ force: true });
    },
    add: (work) => queue.add("order", work.payload, optionsOf(work)),
    addMany: (works) =>
      queue.addBulk(works.map((work) => ({
        name: "order",
        data: work.payload,
        opts: optionsOf(work),
      }))),
    async work({ concurrency }, run) {
      const worker = new Worker<Payload>(
        QUEUE,
        (job) => Promise.resolve(run(job.data, job.attemptsMade + 1)),
        { connection, concurrency: concurrency ?? CONCURRENCY },
      );
      worker.on("error", complain);
      await worker.waitUntilReady();
    },
    async isBusy() {
      const counts = await queue.getJobCounts(
        "wait",
        "active",
        "delayed",
        "prioritized",
      );
      return Object.values(counts).some((count) => count > 0);
    },
  });
});

function optionsOf({ payload, delayMs }: Work) {
  return {
    ...(delayMs === undefined ? {} : { delay: delayMs }),
    ...(payload.failures === undefined
      ? {}
      : { attempts: 3, backoff: { type: "fixed", delay: 1000 } }),
  };
}
