/** `tail`: follows the steps of one job, or of all new ones of a tenant, until it is told to stop. */
import { DEFAULT_TENANT } from "../core/job.ts";
import { isTerminal } from "../core/lifecycle.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { withJobs } from "./jobs.ts";
import { type OutputOptions, print, printJson, stepLine } from "./output.ts";
import { untilSignal } from "./service.ts";
import type { Settings } from "./settings.ts";

const POLL_MS = 500;
const PAGE = 100;

/** What to follow. */
export interface TailCommand extends OutputOptions {
  readonly tenant?: string;
}

/** Prints steps as they are committed. Of one job: to its end. Of a tenant: until Ctrl-C. */
export async function tail(settings: Settings, id: string | undefined, options: TailCommand) {
  let isOver = false;
  const stopped = untilSignal(settings.SHUTDOWN_MS).then(() => isOver = true);
  await withJobs(settings, async (jobs) => {
    const follower = new Follower(jobs, options);
    const tenantId = options.tenant ?? DEFAULT_TENANT;
    if (id === undefined) await follower.skip(tenantId);
    while (!isOver) {
      const isEnded = id === undefined
        ? await follower.followTenant(tenantId)
        : await follower.followJob(id);
      if (isEnded) return;
      await Promise.race([stopped, new Promise((done) => setTimeout(done, POLL_MS))]);
    }
  });
}

/** Knows what it has printed of each job. */
class Follower {
  readonly #jobs: Jobs;
  readonly #options: OutputOptions;
  /** Jobs that are not over, by the last version printed. */
  readonly #open = new Map<string, number>();
  #newest: string | null = null;

  constructor(jobs: Jobs, options: OutputOptions) {
    this.#jobs = jobs;
    this.#options = options;
  }

  /** What is there already is not told. */
  async skip(tenantId: string): Promise<void> {
    const [newest] = await this.#jobs.list(everyJobOf(tenantId), null, 1);
    this.#newest = newest?.id ?? "";
  }

  /** True: the job is over. */
  async followJob(id: string): Promise<boolean> {
    const job = await this.#jobs.get(null, id);
    const after = this.#open.get(id) ?? 0;
    const steps = await this.#jobs.history(null, id, after, PAGE);
    for (const step of steps) {
      if (this.#options.json) await printJson({ jobId: id, ...step });
      else await print(`${id} ${job.type} ${stepLine(step)}`);
    }
    const last = steps.at(-1)?.version ?? after;
    this.#open.set(id, last);
    return isTerminal(job.state) && last >= job.version;
  }

  async followTenant(tenantId: string): Promise<false> {
    const newest = await this.#jobs.list(everyJobOf(tenantId), null, PAGE);
    for (const { id } of newest.toReversed()) {
      if (id > (this.#newest ?? "")) this.#open.set(id, 0);
    }
    this.#newest = newest[0]?.id ?? this.#newest;
    for (const id of [...this.#open.keys()]) {
      if (await this.followJob(id)) this.#open.delete(id);
    }
    return false;
  }
}

function everyJobOf(tenantId: string) {
  return { tenantId, states: null, type: null, queue: null };
}
