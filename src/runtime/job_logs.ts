/** Logs of jobs as clients see them: pages, and lines as they come. */
import { MalformedError } from "../core/errors.ts";
import type { Job } from "../core/job.ts";
import { isTerminal } from "../core/lifecycle.ts";
import { limits } from "../core/limits.ts";
import { Seats } from "../core/seats.ts";
import type { LogLine, LogPlace } from "../store/store.ts";
import type { Jobs } from "./jobs.ts";

/** Lines are written a moment after they were logged. */
const LOOK_MS = 500;
/** Followers of one process. */
const FOLLOWERS_MAX = 500;

/** One page of a log. */
export interface LogPage {
  readonly items: readonly LogLine[];
  readonly nextCursor: string | null;
  /** Lines that were there before these, and are forgotten. */
  readonly dropped: number;
}

/** What a follower is told. */
export type LogNews =
  /** The job is there, and is followed from now on. */
  | { readonly kind: "open" }
  | { readonly kind: "line"; readonly line: LogLine }
  | { readonly kind: "progress"; readonly job: Job }
  | { readonly kind: "end"; readonly job: Job };

/** The logs of one store. */
export class JobLogs {
  readonly #jobs: Jobs;
  readonly #seats = new Seats(FOLLOWERS_MAX, "Too many follow logs");

  constructor(jobs: Jobs) {
    this.#jobs = jobs;
  }

  /** One page, ascending. @throws {NotFoundError | MalformedError} */
  async page(
    tenantId: string | null,
    id: string,
    cursor: string | null,
    limit: number,
  ): Promise<LogPage> {
    const after = placeOf(cursor);
    const job = await this.#jobs.get(tenantId, id);
    const items = await this.#jobs.host.store.logs.list(job, after, limit);
    const last = items.length === limit ? items.at(-1) : undefined;
    return { items, nextCursor: last ? cursorOf(last) : null, dropped: droppedOf(items, after) };
  }

  /**
   * That it is followed; then its lines after a place and its progress, as they come, until the job
   * has ended.
   *
   * @throws {UnavailableError} Too many follow already.
   */
  async *follow(
    tenantId: string | null,
    id: string,
    cursor: string | null,
    signal: AbortSignal,
  ): AsyncGenerator<LogNews> {
    const leave = this.#seats.take(this.#jobs.host.store.requester());
    try {
      yield* this.#news(tenantId, id, placeOf(cursor), signal);
    } finally {
      leave();
    }
  }

  async *#news(
    tenantId: string | null,
    id: string,
    from: LogPlace,
    signal: AbortSignal,
  ): AsyncGenerator<LogNews> {
    let after = from;
    let shown = "null";
    await this.#jobs.get(tenantId, id);
    yield { kind: "open" };
    while (!signal.aborted && !this.#jobs.isStopping) {
      // First the job: one that has ended by now has written all its lines.
      const job = await this.#jobs.get(tenantId, id);
      const lines = await this.#jobs.host.store.logs.list(job, after, limits.pageMax);
      for (const line of lines) yield { kind: "line", line };
      after = lines.at(-1) ?? after;
      const progress = JSON.stringify(job.progress);
      if (progress !== shown) yield { kind: "progress", job };
      shown = progress;
      if (lines.length === limits.pageMax) continue;
      if (isTerminal(job.state)) return yield { kind: "end", job };
      await this.#jobs.wait(tenantId, id, LOOK_MS);
    }
  }
}

/** The place of a line as text. */
export function cursorOf({ version, n }: LogPlace): string {
  return `${version}.${n}`;
}

function placeOf(cursor: string | null): LogPlace {
  if (cursor === null) return { version: 0, n: 0 };
  const [, version, n] = /^(\d{1,9})\.(\d{1,9})$/.exec(cursor) ?? [];
  if (version === undefined) throw new MalformedError("cursor is not one of ours");
  return { version: Number(version), n: Number(n) };
}

/** Numbers that are left out: within each claim they begin with 1. */
function droppedOf(items: readonly LogLine[], after: LogPlace): number {
  let [before, dropped] = [after, 0];
  for (const line of items) {
    dropped += line.n - 1 - (line.version === before.version ? before.n : 0);
    before = line;
  }
  return dropped;
}
