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
/** Between what is the kind of a job. */
const BETWEEN = "\x1e";

/** What a job seldom has. */
interface More {
  readonly backoff: Backoff | null;
  readonly metadata: Json;
  readonly tags: readonly string[] | null;
  readonly failed: string | null;
}

const NOTHING: More = { backoff: null, metadata: null, tags: null, failed: null };

/** What jobs of one claim mostly have alike. */
interface Kind {
  readonly tenantId: string;
  readonly lane: string;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly crashes: number;
  readonly maxCrashes: number;
  readonly timeoutMs: number;
}

/** The jobs of a claim. */
export function toClaimed(
  rows: readonly Row[],
  leaseId: string,
  holdsSlots: boolean = rows[0]?.holds_slots === true,
): ClaimedJob[] {
  const jobs: ClaimedJob[] = [];
  const kinds = new Kinds(rows[0]?.kind);
  for (const row of rows) {
    // The sum of no small jobs is null.
    if (row.jobs === null) continue;
    const text = field<string>(row, "jobs");
    const places = typeof row.tids === "string" ? row.tids.split("\n") : [];
    for (let at = 0, n = 0; at < text.length; n++) {
      const next = text.indexOf("\n", at);
      const end = next < 0 ? text.length : next;
      jobs.push(new Line(text, at, end, kinds, { leaseId, holdsSlots, ctid: places[n] }));
      at = end + 1;
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

/** The kinds of a claim, each read once; a line that names none has the first. */
class Kinds {
  readonly #byText = new Map<string, Kind>();
  readonly #first: Kind;
  /** The due time of the first. */
  readonly runAt: string;

  constructor(told: unknown) {
    const text = typeof told === "string" ? told : "";
    const end = text.lastIndexOf(BETWEEN);
    this.#first = toKind(text.slice(0, end));
    this.runAt = text.slice(end + 1);
  }

  of(text: string): Kind {
    if (text === "") return this.#first;
    const known = this.#byText.get(text);
    if (known) return known;
    const kind = toKind(text);
    this.#byText.set(text, kind);
    return kind;
  }
}

function toKind(text: string): Kind {
  const [tenantId = "", lane = "", type = "", queue = "", ...numbers] = text.split(BETWEEN);
  const [priority = 0, maxAttempts = 0, crashes = 0, maxCrashes = 0, timeoutMs = 0] = numbers
    .map(Number);
  return { tenantId, lane, type, queue, priority, maxAttempts, crashes, maxCrashes, timeoutMs };
}

/** What a line does not say. */
type Beside = Pick<ClaimedJob, "leaseId" | "holdsSlots" | "ctid">;

class Line implements ClaimedJob {
  readonly leaseId: string;
  readonly holdsSlots: boolean;
  readonly ctid: string | undefined;
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
  /** The whole answer, and where in it the rest of this job is to be found: cut out when it is asked for. */
  readonly #text: string;
  readonly #createdAt: number;
  readonly #more: number;
  readonly #payload: number;
  readonly #end: number;

  constructor(
    text: string,
    start: number,
    end: number,
    kinds: Kinds,
    { leaseId, holdsSlots, ctid }: Beside,
  ) {
    const kindAt = text.indexOf(SEPARATOR, start) + 1;
    const runAt = text.indexOf(SEPARATOR, kindAt) + 1;
    const version = text.indexOf(SEPARATOR, runAt) + 1;
    const attempt = text.indexOf(SEPARATOR, version) + 1;
    const createdAt = text.indexOf(SEPARATOR, attempt) + 1;
    const more = text.indexOf(SEPARATOR, createdAt) + 1;
    const payload = text.indexOf(SEPARATOR, more) + 1;
    const kind = kinds.of(text.slice(kindAt, runAt - 1));
    this.leaseId = leaseId;
    this.holdsSlots = holdsSlots;
    this.ctid = ctid;
    this.id = text.slice(start, kindAt - 1);
    this.tenantId = kind.tenantId;
    this.lane = kind.lane;
    this.type = kind.type;
    this.queue = kind.queue;
    this.priority = kind.priority;
    this.version = Number(text.slice(version, attempt - 1));
    this.attempt = Number(text.slice(attempt, createdAt - 1));
    this.maxAttempts = kind.maxAttempts;
    this.crashes = kind.crashes;
    this.maxCrashes = kind.maxCrashes;
    this.timeoutMs = kind.timeoutMs;
    this.runAt = text.slice(runAt, version - 1) || kinds.runAt;
    this.#text = text;
    this.#createdAt = createdAt;
    this.#more = more;
    // SQL callers may have asked for a job with no payload at all: its line ends before.
    this.#payload = payload > 0 && payload <= end ? payload : end + 1;
    this.#end = end;
  }

  get createdAt(): Date {
    return new Date(this.#text.slice(this.#createdAt, this.#more - 1) || this.runAt);
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
    return JSON.parse(this.#text.slice(this.#payload, this.#end) || "null");
  }

  #read(): More {
    const text = this.#text.slice(this.#more, this.#payload - 1);
    return text === "" ? NOTHING : JSON.parse(text);
  }
}
