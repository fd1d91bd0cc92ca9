/** `tail`: follows the steps of one job or actor, or of all new jobs of a tenant, until it is told to stop. */
import { NotFoundError } from "../core/errors.ts";
import { DEFAULT_TENANT, type Job } from "../core/job.ts";
import { isTerminal } from "../core/lifecycle.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { isEnded } from "../runtime/place.ts";
import { withJobs } from "./jobs.ts";
import { actorStepLine, type OutputOptions, print, printJson, stepLine } from "./output.ts";
import { untilSignal } from "./service.ts";
import type { Settings } from "./settings.ts";

const POLL_MS = 500;
const PAGE = 100;
/** New jobs in one look: whoever reads them on a screen reads fewer. */
const NEW_MAX = 2_000;

/** What to follow. */
export interface TailCommand extends OutputOptions {
  readonly tenant?: string;
  /** The id of an actor. */
  readonly actor?: string;
}

/** Prints steps as they are committed. Of one job or actor: to its end. Of a tenant: until Ctrl-C. */
export async function tail(settings: Settings, id: string | undefined, options: TailCommand) {
  let isOver = false;
  const stopped = untilSignal(settings.SHUTDOWN_MS).then(() => isOver = true);
  await withJobs(settings, async (jobs) => {
    const follower = new Follower(jobs, options);
    const tenantId = options.tenant ?? DEFAULT_TENANT;
    const { actor } = options;
    const follow = actor !== undefined
      ? () => follower.followActor(tenantId, actor)
      : id !== undefined
      ? () => follower.followJob(id)
      : () => follower.followTenant(tenantId);
    if (actor === undefined && id === undefined) await follower.skip(tenantId);
    while (!isOver) {
      if (await follow()) return;
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
    // Steps that are not kept any longer are not waited for.
    return isTerminal(job.state) && steps.length < PAGE;
  }

  /** True: the actor has ended. @throws {NotFoundError} */
  async followActor(tenantId: string, id: string): Promise<boolean> {
    const { actors } = this.#jobs.host.store;
    const actor = await actors.get(tenantId, id);
    if (!actor) throw new NotFoundError("actor", id);
    const after = this.#open.get(id) ?? 0;
    const steps = await actors.history({ tenantId, id }, after, actor.version, PAGE, false);
    for (const { version, at, event, from, to, outcome, cause, worker } of steps) {
      const step = { actorId: id, version, at, event, from, to, outcome, cause, worker };
      if (this.#options.json) await printJson(step);
      else await print(actorStepLine(actor.machine, step));
    }
    const last = steps.at(-1)?.version ?? after;
    this.#open.set(id, last);
    return isEnded(actor.status) && steps.length < PAGE;
  }

  async followTenant(tenantId: string): Promise<false> {
    const fresh = await this.#newJobs(tenantId);
    for (const { id } of fresh.toReversed()) this.#open.set(id, 0);
    this.#newest = fresh[0]?.id ?? this.#newest;
    for (const id of [...this.#open.keys()]) {
      if (await this.followJob(id).catch(isGone)) this.#open.delete(id);
    }
    return false;
  }

  /** Newest first. */
  async #newJobs(tenantId: string): Promise<Job[]> {
    const known = this.#newest ?? "";
    const fresh: Job[] = [];
    while (fresh.length < NEW_MAX) {
      const page = await this.#jobs.list(everyJobOf(tenantId), fresh.at(-1)?.id ?? null, PAGE);
      const newer = page.filter(({ id }) => id > known);
      fresh.push(...newer);
      if (newer.length < PAGE) break;
    }
    return fresh;
  }
}

/** Deleted since: no reason to tell of the others no more. */
function isGone(error: unknown): true {
  if (error instanceof NotFoundError) return true;
  throw error;
}

function everyJobOf(tenantId: string) {
  return { tenantId, states: null, type: null, queue: null };
}
