/**
 * One bounded slice of work: sweep, empty the inbox, claim what is due, run it, bring it home, and say
 * when to come back. The same worker as ever, for a while: there is no second engine.
 */
import type { Handlers } from "./handlers.ts";
import { emptyInbox } from "./inbox.ts";
import type { CountDefaults } from "./preparing.ts";
import { within } from "./within.ts";
import { Worker, type WorkerOptions } from "./worker.ts";
import { withRetries } from "./worker_options.ts";

/** How much to do. */
export interface DriveOptions {
  /** Milliseconds for the whole slice. 1,000 to 900,000; default 10,000. */
  readonly budgetMs?: number;
  /** Jobs to start, at most. Default: as many as there is time for. */
  readonly maxJobs?: number;
  /** Only these types. */
  readonly types?: readonly string[];
}

/** What a slice did. */
export interface Driven {
  /** Attempts that ended. */
  readonly ran: number;
  /** Turns of actors. */
  readonly turns: number;
  /** When something comes due, RFC 3339 by this process's clock; null: nothing is waiting. */
  readonly nextWakeAt: string | null;
  /** Something is due already: come back at once. */
  readonly more: boolean;
}

/** What driving needs. */
export interface DriveHost extends Omit<WorkerOptions, "shutdownMs" | "jobsMax" | "hasHints"> {
  readonly defaults: CountDefaults;
}

const BUDGET_MS = 10_000;
/** Least and most milliseconds of a slice. */
export const DRIVE_MS_MIN = 1_000;
export const DRIVE_MS_MAX = 900_000;
/** Part of the budget for sweeping and starting jobs. */
const STARTING_SHARE = 0.65;
/** For those that run, to end or to be handed back. What is left is for a last look. */
const STOPPING_SHARE = 0.25;

/** Runs one slice. @throws {RangeError} An option is out of range. */
export async function drive(host: DriveHost, options: DriveOptions = {}): Promise<Driven> {
  const { budgetMs = BUDGET_MS, maxJobs = Infinity, types } = options;
  if (!(budgetMs >= DRIVE_MS_MIN && budgetMs <= DRIVE_MS_MAX)) {
    throw new RangeError(`budgetMs must be from ${DRIVE_MS_MIN} to ${DRIVE_MS_MAX}`);
  }
  if (!(maxJobs >= 1)) throw new RangeError("maxJobs must be 1 or more");
  const handlers = types ? only(host.handlers, types) : host.handlers;
  const startedAt = host.clock.monotonic();
  const leftMs = () => budgetMs - (host.clock.monotonic() - startedAt);
  const worker = new Worker({
    ...host,
    handlers,
    shutdownMs: budgetMs * STOPPING_SHARE,
    jobsMax: maxJobs,
    hasHints: false,
  });
  // One share for all of it: a database that does not answer would have each wait for the whole.
  const startingMs = () => leftMs() - budgetMs * (1 - STARTING_SHARE);
  // What is said of what is left must be right: nobody may come back before then.
  host.turner?.cursor.rewind();
  await within(startingMs(), emptyInbox(withRetries(host)));
  worker.start();
  try {
    await within(startingMs(), worker.schedules.fire());
    // A sweep of many expired leases goes on by the next slice, or by whoever else sweeps.
    await within(startingMs(), worker.sweep());
    await worker.quiet(startingMs());
  } finally {
    // Also where the database has failed: nobody else knows of this worker, and it would go on.
    await worker.stop();
  }
  host.turner?.cursor.rewind();
  const next = Promise.all([
    host.store.nextDue(worker.served),
    host.turner?.nextDue() ?? null,
    worker.schedules.nextDue(),
  ]);
  // No answer in time: there may be more.
  const [nextInMs, mailInMs, fireInMs] = await within(leftMs(), next) ?? [0, 0, 0];
  // What is due but limited is no reason to come back at once.
  const jobInMs = nextInMs === 0 ? worker.heldUpMs ?? 0 : nextInMs;
  const dueInMs = soonest(soonest(jobInMs, mailInMs), fireInMs);
  return {
    ran: worker.stats.finished,
    turns: worker.turns,
    nextWakeAt: dueInMs === null ? null : new Date(host.clock.now() + dueInMs).toISOString(),
    more: dueInMs === 0,
  };
}

function soonest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

function only(handlers: Handlers, types: readonly string[]): Handlers {
  return new Map([...handlers].filter(([type]) => types.includes(type)));
}
