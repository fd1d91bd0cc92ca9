/** `enqueue jobs show events rerun cancel sweep`: what can be done with jobs, where the database is. */
import { MalformedError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { JOB_STATES, type JobState } from "../../machines/job.ts";
import { Admin } from "../runtime/admin.ts";
import type { Jobs } from "../runtime/jobs.ts";
import {
  jobHeader,
  jobRow,
  type OutputOptions,
  print,
  printJson,
  printTable,
  stepLine,
} from "./output.ts";
import { jobsOf, withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

const HISTORY_MAX = 1_000;

/** What `enqueue` takes. */
export interface EnqueueCommand extends OutputOptions {
  readonly payload?: string;
  readonly tenant?: string;
  readonly queue?: string;
  readonly delay?: string;
  readonly priority?: string;
  readonly key?: string;
  readonly wait?: string;
}

/** Which jobs `jobs` lists. */
export interface ListCommand extends OutputOptions {
  readonly tenant?: string;
  readonly state?: string;
  readonly type?: string;
  readonly queue?: string;
  readonly limit: string;
}

/** Runs `work` with the client side of the runtime. */
export async function withJobs(
  settings: Settings,
  work: (jobs: Jobs) => Promise<void>,
): Promise<void> {
  const debug = settings.PERDURA_DEBUG ?? true;
  const use = { name: "perdura cli", debug };
  await withStore(settings, use, (store) => work(jobsOf(settings, store, debug)));
}

/** Stores a job, and waits for its end when asked to. */
export async function enqueue(settings: Settings, type: string, options: EnqueueCommand) {
  const waitMs = options.wait === undefined ? 0 : 1_000 * numberOf(options.wait, "--wait");
  const input = {
    type,
    payload: options.payload === undefined ? {} : parsed(options.payload),
    ...(options.tenant === undefined ? {} : { tenantId: options.tenant }),
    ...(options.queue === undefined ? {} : { queue: options.queue }),
    ...(options.delay === undefined ? {} : { delayMs: numberOf(options.delay, "--delay") }),
    ...(options.priority === undefined
      ? {}
      : { priority: numberOf(options.priority, "--priority") }),
    ...(options.key === undefined ? {} : { idempotencyKey: options.key }),
  };
  await withJobs(settings, async (jobs) => {
    const { id } = await jobs.enqueueUnchecked(input);
    const job = await jobs.wait(null, id, waitMs);
    await (options.json ? printJson(job) : print(waitMs > 0 ? `${id} ${job.state}` : id));
  });
}

/** One page of jobs, newest first. */
export async function listJobs(settings: Settings, options: ListCommand) {
  const states = options.state === undefined ? null : options.state.split(",").map(stateOf);
  const limit = numberOf(options.limit, "--limit");
  await withJobs(settings, async (jobs) => {
    const filter = {
      tenantId: options.tenant ?? DEFAULT_TENANT,
      states,
      type: options.type ?? null,
      queue: options.queue ?? null,
    };
    const items = await jobs.list(filter, null, limit);
    if (options.json) await printJson(items);
    else await printTable(jobHeader, items.map(jobRow));
  });
}

/** One job with all its fields. */
export async function showJob(settings: Settings, id: string) {
  await withJobs(settings, async (jobs) => {
    await print(JSON.stringify(await jobs.get(null, idOf(id)), null, 2));
  });
}

/** The history of one job. */
export async function showEvents(settings: Settings, id: string, options: OutputOptions) {
  await withJobs(settings, async (jobs) => {
    const steps = await jobs.history(null, idOf(id), 0, HISTORY_MAX);
    if (options.json) await printJson(steps);
    else for (const step of steps) await print(stepLine(step));
  });
}

/** The same work once more, as a new job. */
export async function rerun(settings: Settings, id: string, options: OutputOptions) {
  await withJobs(settings, async (jobs) => {
    const job = await jobs.rerun(null, idOf(id));
    await (options.json ? printJson(job) : print(job.id));
  });
}

/** Cancels a job; a running handler is asked to stop first. */
export async function cancel(
  settings: Settings,
  id: string,
  options: OutputOptions & { readonly reason?: string },
) {
  await withJobs(settings, async (jobs) => {
    const aim = { tenantId: null, ifVersion: null, cause: options.reason ?? "cli" };
    const { job, isPending } = await jobs.send(idOf(id), { type: "CANCEL" }, aim);
    if (options.json) await printJson(job);
    else await print(isPending ? `${id} is asked to stop` : `${id} ${job.state}`);
  });
}

/** Recovers what died, now. */
export async function runSweep(settings: Settings, options: OutputOptions) {
  await withJobs(settings, async (jobs) => {
    const report = await new Admin(jobs).sweep();
    const { recovered, quarantined, due } = report;
    if (options.json) await printJson(report);
    else await print(`recovered ${recovered}, quarantined ${quarantined}, due ${due}`);
  });
}

/** A job's id. @throws {MalformedError} */
export function idOf(text: string): string {
  if (!isUuid(text)) throw new MalformedError(`"${text.slice(0, 64)}" is not the id of a job`);
  return text.toLowerCase();
}

function numberOf(text: string, name: string): number {
  if (!/^-?\d{1,12}$/.test(text)) throw new MalformedError(`${name} must be a whole number`);
  return Number(text);
}

function stateOf(text: string): JobState {
  const state = JOB_STATES.find((known) => known === text);
  if (!state) throw new MalformedError(`"${text}" is no state: ${JOB_STATES.join(", ")}`);
  return state;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MalformedError("--payload is not JSON");
  }
}
