/** Runs under Node: what the client does there, printed as JSON. */
import process from "node:process";
import { createClient, ProblemError } from "../../src/client/client.ts";

const [url = ""] = process.argv.slice(2);
const client = createClient({ url });
const job = await client.enqueue("debug.noop", { n: 1 }, {
  idempotencyKey: "node",
  delayMs: 60000,
});
const again = await client.enqueue("debug.noop", { n: 1 }, { idempotencyKey: "node" });
const cancelled = await client.cancel(job.id, "enough");
const copy = await client.rerun(job.id);
const ids = await client.enqueueMany([{ type: "debug.noop" }, { type: "debug.noop" }]);
const waited = await client.wait(ids[0] ?? "", Infinity);
const steps = await client.transitions(job.id);
const wrong = await client.enqueue("no.such.type", {}).catch((error) => error);
process.stdout.write(JSON.stringify({
  same: again.id === job.id,
  states: [job.state, cancelled.state, copy.state],
  clonedFrom: copy.clonedFrom === job.id,
  ids: ids.length,
  waited: waited.state,
  events: steps.map(({ event }) => event),
  problem: wrong instanceof ProblemError && [wrong.status, wrong.code],
}));
