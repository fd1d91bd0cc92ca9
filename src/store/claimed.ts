/**
 * What claim.sql and leased.sql give: a line of text per job, its fields apart by the unit separator.
 *
 * A row of twenty columns costs the reader more than running an empty job. What few handlers look at
 * is read when they do.
 */
import type { Backoff } from "../core/backoff.ts";
import type { JobInsert } from "../core/job.ts";
import type { Json } from "../core/json.ts";
import { laneKey } from "../core/lane.ts";
import type { Row } from "./database.ts";
import type { ClaimedJob } from "./records.ts";
import { field } from "./rows.ts";

const SEPARATOR = "\x1f";

/** What a job seldom has. */
interface More {
  readonly backoff: Backoff | null;
  readonly metadata: Json;
  readonly tags: readonly string[] | null;
  readonly failed: string | null;
}

const NOTHING: More = { backoff: null, metadata: null, tags: null, failed: null };

/** The jobs of a claim. */
export function toClaimed(
  rows: readonly Row[],
  leaseId: string,
  holdsSlots: boolean = rows[0]?.holds_slots === true,
): ClaimedJob[] {
  const jobs: ClaimedJob[] = [];
  let last: Line | null = null;
  for (const row of rows) {
    // The sum of no small jobs is null.
    if (row.jobs === null) continue;
    for (const line of field<string>(row, "jobs").split("\n")) {
      last = new Line(line, leaseId, holdsSlots, last);
      jobs.push(last);
    }
  }
  return jobs;
}

/** A job that was stored as started, as a claim would have given it. */
export function toStarted(job: JobInsert, leaseId: string, row: Row | undefined): ClaimedJob {
  return new Started(job, leaseId, row);
}

class Started implements ClaimedJob {
  readonly id: string;
  readonly tenantId: string;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly maxCrashes: number;
  readonly timeoutMs: number;
  readonly leaseId: string;
  readonly lane: string;
  readonly runAt: string;
  readonly version = 2;
  readonly holdsSlots = false;
  readonly attempt = 1;
  readonly crashes = 0;
  readonly backoff: Backoff | null;
  readonly tags: readonly string[] = [];
  readonly payload: Json;
  readonly #createdAt: Date;
  readonly #metadata: string | null;

  constructor(job: JobInsert, leaseId: string, row: Row | undefined) {
    this.id = job.id;
    this.tenantId = job.tenantId;
    this.type = job.type;
    this.queue = job.queue;
    this.priority = job.priority;
    this.maxAttempts = job.maxAttempts;
    this.maxCrashes = job.maxCrashes;
    this.timeoutMs = job.timeoutMs;
    this.leaseId = leaseId;
    this.lane = laneKey(job);
    this.runAt = field<string>(row, "r");
    this.backoff = job.backoff;
    this.payload = JSON.parse(job.payloadJson);
    this.#createdAt = field<Date>(row, "c");
    this.#metadata = job.metadataJson;
  }

  /** Anew each time: those of a batch share the row that it comes from. */
  get createdAt(): Date {
    return new Date(this.#createdAt);
  }

  get metadata(): Json {
    return this.#metadata === null ? null : JSON.parse(this.#metadata);
  }
}

class Line implements ClaimedJob {
  readonly leaseId: string;
  readonly holdsSlots: boolean;
  readonly id: string;
  readonly tenantId: string;
  readonly lane: string;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly version: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly crashes: number;
  readonly maxCrashes: number;
  readonly timeoutMs: number;
  readonly runAt: string;
  readonly #createdAt: string;
  readonly #more: string;
  readonly #payload: string;

  constructor(line: string, leaseId: string, holdsSlots: boolean, before: Line | null) {
    const fields = line.split(SEPARATOR);
    const text = (index: number) => fields[index] ?? "";
    this.leaseId = leaseId;
    this.holdsSlots = holdsSlots;
    this.id = text(0);
    this.tenantId = shared(text(1), before?.tenantId);
    this.lane = shared(text(2), before?.lane);
    this.type = shared(text(3), before?.type);
    this.queue = shared(text(4), before?.queue);
    this.priority = Number(text(5));
    this.version = Number(text(6));
    this.attempt = Number(text(7));
    this.maxAttempts = Number(text(8));
    this.crashes = Number(text(9));
    this.maxCrashes = Number(text(10));
    this.timeoutMs = Number(text(11));
    this.runAt = shared(text(12), before?.runAt);
    this.#createdAt = text(13);
    this.#more = text(14);
    // SQL callers may have asked for a job with no payload at all.
    this.#payload = text(15) || "null";
  }

  get createdAt(): Date {
    return new Date(this.#createdAt);
  }

  get backoff(): Backoff | null {
    return this.#read().backoff;
  }

  get metadata(): Json {
    return this.#read().metadata;
  }

  get tags(): readonly string[] {
    return this.#read().tags ?? [];
  }

  get failedTrace(): string | null {
    return this.#read().failed;
  }

  /** Read anew each time: what one reader does to it, another does not see. */
  get payload(): Json {
    return JSON.parse(this.#payload);
  }

  #read(): More {
    return this.#more === "" ? NOTHING : JSON.parse(this.#more);
  }
}

/** Jobs of a claim are much alike: with one text for all, a look-up by it hashes it once. */
function shared(text: string, before: string | undefined): string {
  return text === before ? before : text;
}
