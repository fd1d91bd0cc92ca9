/** `queues` and `workers`: who waits where, who works, and how to hold a queue back, where the database is. */
import { DEFAULT_TENANT } from "../core/job.ts";
import { toGate, toQueue } from "../http/gate_resource.ts";
import { toWorker } from "../http/worker_resource.ts";
import { type Flow, Limiting, type QueueView } from "../runtime/limiting.ts";
import type { WorkerRow } from "../store/store.ts";
import { recordCommand } from "./auditing.ts";
import { withJobs } from "./jobs.ts";
import { type OutputOptions, print, printJson, printTable } from "./output.ts";
import type { Settings } from "./settings.ts";

/** What all of them take. */
export interface QueueOptions extends OutputOptions {
  readonly tenant?: string;
}

const flows = { pause: "paused", resume: "open", drain: "draining" } as const satisfies Record<
  string,
  Flow
>;

const counted = ["pending", "scheduled", "running", "retry", "dead_letter"] as const;
const queueHeader = ["queue", "state", ...counted, "rate", "concurrency"];
const workerHeader = ["id", "state", "running", "queues", "types", "started at", "heartbeat at"];

/** By name, with their jobs per state. */
export async function listQueues(
  settings: Settings,
  { tenant = DEFAULT_TENANT, json }: QueueOptions,
) {
  await withJobs(settings, async (jobs) => {
    const queues = await new Limiting(jobs.host).queues(tenant);
    if (json) await printJson(queues.map(toQueue));
    else await printTable(queueHeader, queues.map(queueRow));
  });
}

/** Pauses, resumes or drains one. */
export async function holdQueue(
  settings: Settings,
  verb: keyof typeof flows,
  name: string,
  { tenant: tenantId = DEFAULT_TENANT, json }: QueueOptions,
) {
  await withJobs(settings, async (jobs) => {
    const queue = { tenantId, kind: "queue", name } as const;
    const gate = await new Limiting(jobs.host).setFlow(queue, flows[verb]);
    const subject = `queues/${name}`;
    await recordCommand(jobs.host.store, { tenantId, action: `queue.${verb}`, subject });
    if (json) await printJson(toGate(gate));
    else await print(`${name} is ${gate.flow}`);
  });
}

/** Who works, who has fallen silent. */
export async function listWorkers(settings: Settings, { json }: OutputOptions) {
  await withJobs(settings, async (jobs) => {
    const workers = await jobs.host.store.workers.list();
    if (json) await printJson(workers.map(toWorker));
    else await printTable(workerHeader, workers.map(workerRow));
  });
}

function queueRow({ name, flow, counts, limits, slotsTaken }: QueueView): string[] {
  const { ratePerMinute, concurrency } = limits;
  return [
    ...[name, flow, ...counted.map((state) => String(counts[state] ?? 0))],
    ratePerMinute === null ? "any" : `${ratePerMinute}/min`,
    concurrency === null ? "any" : `${slotsTaken} of ${concurrency}`,
  ];
}

function workerRow(worker: WorkerRow): string[] {
  const { id, isAlive, running, concurrency, queues, types, startedAt, beatAt } = worker;
  return [
    ...[id, isAlive ? "alive" : "silent", `${running}/${concurrency}`],
    ...[queues?.join(",") ?? "all", String(types.length), startedAt, beatAt],
  ];
}
