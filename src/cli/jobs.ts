/** `enqueue jobs show explain events retry rerun cancel sweep`: what can be done with jobs, where the database is. */
import type { AuditEntry } from "../core/audit.ts";
import { InvalidInputError, UnavailableError } from "../core/errors.ts";
import { DEFAULT_TENANT, type Job, type Transition } from "../core/job.ts";
import { type JobQuery, readJobQuery } from "../core/job_search.ts";
import { isTerminal } from "../core/lifecycle.ts";
import { QueryError } from "../core/search.ts";
import { toWholeResource } from "../http/resource.ts";
import type { JobState } from "../../machines/job.ts";
import { Admin } from "../runtime/admin.ts";
import { type Jobs, retryEventOf } from "../runtime/jobs.ts";
import { boundsOf, narrowed, veilOf } from "../runtime/searching.ts";
import { recordCommand } from "./auditing.ts";
import { CommandError } from "./errors.ts";
import {
  jobHeader,
  jobRow,
  type OutputOptions,
  print,
  printJson,
  printTable,
  stepLine,
} from "./output.ts";
import { jobsOf } from "./handling.ts";
import { withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

const PAGE = 1_000;

/** A job that was waited for has not succeeded. */
export class NotSucceededError extends CommandError {
  override readonly name = "NotSucceededError";

  constructor({ id, state, lastError }: Job) {
    const why = lastError ? `: ${lastError.name}: ${lastError.message.split("\n")[0]}` : "";
    super(
      isTerminal(state) ? `${id} ended as ${state}${why}` : `${id} has not ended yet: ${state}`,
    );
  }
}

/** What `enqueue` takes. */
export interface EnqueueCommand extends OutputOptions {
  readonly payload?: unknown;
  readonly tenant?: string;
  readonly queue?: string;
  /** Milliseconds. */
  readonly delay?: number;
  readonly priority?: number;
  readonly key?: string;
  /** Seconds. */
  readonly wait?: number;
}

/** Which jobs `jobs` lists. */
export interface ListCommand extends OutputOptions {
  readonly tenant?: string;
  readonly state?: readonly JobState[];
  readonly type?: string;
  readonly queue?: string;
  /** As in `GET /jobs?q=`. */
  readonly query?: string;
  readonly limit: number;
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

/**
 * Stores a job, and waits for its end when asked to.
 *
 * @throws {NotSucceededError} It was waited for, and has failed, or not ended in time.
 */
export async function enqueue(settings: Settings, type: string, options: EnqueueCommand) {
  const { payload = {}, tenant, queue, delay, priority, key, wait } = options;
  const given = { tenantId: tenant, queue, delayMs: delay, priority, idempotencyKey: key };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  const input = { type, payload, ...Object.fromEntries(set) };
  await withJobs(settings, async (jobs) => {
    const { id } = await jobs.enqueueUnchecked(input);
    const job = await jobs.wait(null, id, 1_000 * (wait ?? 0)).catch((error) => {
      // Who does not hear of it enqueues it once more.
      if (!(error instanceof UnavailableError)) throw error;
      throw new CommandError(`${id} is stored, and cannot be looked at: ${error.message}`);
    });
    if (options.json) await printJson(toWholeResource(job));
    else await print(wait === undefined ? id : `${id} ${job.state}`);
    if (wait !== undefined && job.state !== "succeeded") throw new NotSucceededError(job);
  });
}

/** Jobs, newest first. */
export async function listJobs(settings: Settings, options: ListCommand) {
  await withJobs(settings, async (jobs) => {
    const items = await found(jobs, options);
    if (options.json) await printJson(items.map(toWholeResource));
    else await printTable(jobHeader, items.map(jobRow));
  });
}

/** As many as were asked for: a page of what matches little is short, and more may follow. */
async function found(jobs: Jobs, options: ListCommand): Promise<Job[]> {
  const { tenant = DEFAULT_TENANT, state = null, type = null, queue = null, query = "" } = options;
  const search = searchOf(jobs, query);
  const tenantId = search.tenant ?? tenant;
  const filter = narrowed({ tenantId, states: state, type, queue }, search);
  const items: Job[] = [];
  let cursor = boundsOf(search).before;
  do {
    const page = await jobs.page(filter, cursor, options.limit - items.length);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null && items.length < options.limit);
  return items;
}

function searchOf({ host: { clock, handlers } }: Jobs, query: string): JobQuery {
  try {
    return readJobQuery(query, clock.now(), veilOf(handlers));
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw new InvalidInputError([{ path: "query", message: error.message }]);
  }
}

/** Why a job is where it is: the reasons in the order in which they would have to go away. */
export async function explainJob(settings: Settings, id: string, options: OutputOptions) {
  await withJobs(settings, async (jobs) => {
    const reasons = await jobs.explain(null, id);
    if (options.json) return await printJson({ reasons });
    for (const { code, message, until } of reasons) {
      await print(`${code}: ${message}${until === null ? "" : `, until ${until}`}`);
    }
  });
}

/** One job with all its fields. */
export async function showJob(settings: Settings, id: string) {
  await withJobs(settings, async (jobs) => {
    await print(JSON.stringify(toWholeResource(await jobs.get(null, id)), null, 2));
  });
}

/** The history of one job. */
export async function showEvents(settings: Settings, id: string, options: OutputOptions) {
  await withJobs(settings, async (jobs) => {
    const steps = await allSteps(jobs, id);
    if (options.json) await printJson(steps);
    else for (const step of steps) await print(stepLine(step));
  });
}

/** The same work once more, as a new job. */
export async function rerun(settings: Settings, id: string, options: OutputOptions) {
  await withJobs(settings, async (jobs) => {
    const job = await jobs.rerun(null, id);
    const { tenantId } = job;
    const detail = { jobId: job.id };
    await record(jobs, { tenantId, action: "job.rerun", subject: `jobs/${id}`, detail });
    await (options.json ? printJson(toWholeResource(job)) : print(job.id));
  });
}

/** Once more, the same job: an ended one from the beginning, a waiting one at once. */
export async function retry(settings: Settings, id: string, options: OutputOptions) {
  await withJobs(settings, async (jobs) => {
    const type = retryEventOf((await jobs.get(null, id)).state);
    const aim = { tenantId: null, ifVersion: null, cause: "cli" };
    const { job } = await jobs.send(id, { type }, aim);
    const { tenantId, version } = job;
    const action = `job.${type.toLowerCase()}`;
    await record(jobs, { tenantId, action, subject: `jobs/${id}`, version: version - 1 });
    await (options.json ? printJson(toWholeResource(job)) : print(`${id} ${job.state}`));
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
    const { job, isPending } = await jobs.send(id, { type: "CANCEL" }, aim);
    await record(jobs, {
      tenantId: job.tenantId,
      action: "job.cancel",
      subject: `jobs/${id}`,
      reason: options.reason ?? null,
      version: isPending ? job.version : job.version - 1,
    });
    if (options.json) await printJson(toWholeResource(job));
    else await print(isPending ? `${id} is asked to stop` : `${id} ${job.state}`);
  });
}

/** Recovers what died, now. */
export async function runSweep(settings: Settings, options: OutputOptions) {
  await withJobs(settings, async (jobs) => {
    const report = await new Admin(jobs).sweep();
    await record(jobs, { tenantId: null, action: "admin.sweep", subject: "admin/sweep" });
    const { recovered, quarantined, due } = report;
    if (options.json) await printJson(report);
    else await print(`recovered ${recovered}, quarantined ${quarantined}, due ${due}`);
  });
}

function record(jobs: Jobs, entry: Omit<AuditEntry, "who">): Promise<void> {
  return recordCommand(jobs.host.store, entry);
}

async function allSteps(jobs: Jobs, id: string): Promise<Transition[]> {
  const steps: Transition[] = [];
  while (true) {
    const page = await jobs.history(null, id, steps.at(-1)?.version ?? 0, PAGE);
    steps.push(...page);
    if (page.length < PAGE) return steps;
  }
}
