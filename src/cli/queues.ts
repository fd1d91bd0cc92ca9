/** `queues` and `workers`: who waits where, who works, and how to hold a queue back, where the database is. */
import type { Command } from "commander";
import { DEFAULT_TENANT } from "../core/job.ts";
import { toGate, toQueue } from "../http/limits.ts";
import { toWorker } from "../http/workers.ts";
import { type Flow, Limiting, type QueueView } from "../runtime/limiting.ts";
import type { WorkerRow } from "../store/store.ts";
import * as form from "./arguments.ts";
import { recordCommand } from "./auditing.ts";
import { withJobs } from "./jobs.ts";
import { type OutputOptions, print, printJson, printTable } from "./output.ts";
import type { Settings } from "./settings.ts";

interface Options extends OutputOptions {
  readonly tenant?: string;
}

type Run = (use: (settings: Settings) => Promise<void>) => Promise<void>;
type MakeCommand = (parent: Command, name: string, about: string) => Command;

const flows = {
  pause: { flow: "paused", about: "Start nothing of it; what runs goes on" },
  resume: { flow: "open", about: "Start its jobs again, and take new ones" },
  drain: { flow: "draining", about: "Take no new jobs, and work off those it has" },
} as const satisfies Record<string, { flow: Flow; about: string }>;

const counted = ["pending", "scheduled", "running", "retry", "dead_letter"] as const;
const queueHeader = ["queue", "state", ...counted, "rate", "concurrency"];
const workerHeader = ["id", "state", "running", "queues", "types", "started at", "heartbeat at"];

/** Adds the commands to a program. */
export function addQueues(root: Command, command: MakeCommand, run: Run): void {
  const group = command(root, "queues", "Queues: list, pause, resume, drain");
  command(group, "list", "By name, with their jobs per state").option("--tenant <id>")
    .option("--json", "as JSON").action((options) => run((s) => list(s, options)));
  for (const verb of ["pause", "resume", "drain"] as const) {
    command(group, verb, flows[verb].about).argument("<name>", "of the queue", form.name)
      .option("--tenant <id>").option("--json", "as JSON")
      .action((name, options) => run((s) => hold(s, verb, name, options)));
  }
  command(root, "workers", "Who works, who has fallen silent, what each takes")
    .option("--json", "as JSON").action((options) => run((s) => listWorkers(s, options)));
}

async function list(settings: Settings, { tenant = DEFAULT_TENANT, json }: Options) {
  await withJobs(settings, async (jobs) => {
    const queues = await new Limiting(jobs.host).queues(tenant);
    if (json) await printJson(queues.map(toQueue));
    else await printTable(queueHeader, queues.map(queueRow));
  });
}

async function hold(
  settings: Settings,
  verb: keyof typeof flows,
  name: string,
  { tenant: tenantId = DEFAULT_TENANT, json }: Options,
) {
  await withJobs(settings, async (jobs) => {
    const { flow } = flows[verb];
    const gate = await new Limiting(jobs.host).setFlow({ tenantId, kind: "queue", name }, flow);
    const subject = `queues/${name}`;
    await recordCommand(jobs.host.store, { tenantId, action: `queue.${verb}`, subject });
    if (json) await printJson(toGate(gate));
    else await print(`${name} is ${gate.flow}`);
  });
}

async function listWorkers(settings: Settings, { json }: OutputOptions) {
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
