/**
 * `context.log`: lines of one attempt, written together while the handler goes on.
 *
 * One write at a time; what is logged meanwhile goes with the next. The newest lines are kept: of
 * older ones only their number is known. Logging never fails a job: what is too long is cut.
 */
import type { Clock } from "../core/clock.ts";
import { findJsonIssue } from "../core/json.ts";
import { limits } from "../core/limits.ts";
import { scrubbing } from "../core/redaction.ts";
import type { ClaimedJob, LogLevel, LogStore } from "../store/store.ts";

const LINES_PER_WRITE = 200;
const TOO_LARGE = " (its data was left out: too large, or no JSON)";

interface Line {
  readonly n: number;
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly dataJson: string | null;
}

/** What it needs. */
export interface AttemptLogHost {
  readonly store: Pick<LogStore, "save">;
  readonly clock: Clock;
  /** The lease was lost. */
  readonly onLost: () => void;
  /** Takes out what the payload's schema marks; null: it marks nothing. */
  readonly scrub?: ((text: string) => string) | null;
}

/** The log of one attempt. */
export class AttemptLog {
  readonly #job: ClaimedJob;
  readonly #host: AttemptLogHost;
  readonly #waiting: Line[] = [];
  /** Lengths of the lines that are kept, and the number of the first. */
  readonly #lengths: number[] = [];
  #length = 0;
  #n = 0;
  #writing: Promise<void> | null = null;

  constructor(job: ClaimedJob, host: AttemptLogHost) {
    this.#job = job;
    this.#host = host;
  }

  /** Something is not written yet. */
  get isOpen(): boolean {
    return this.#writing !== null || this.#waiting.length > 0;
  }

  add(level: LogLevel, message: unknown, data: unknown): void {
    const { scrub = null } = this.#host;
    const dataJson = data === undefined ? null : jsonOf(data, scrub);
    const said = scrub ? scrub(String(message)) : String(message);
    const text = storable(said) + (dataJson === undefined ? TOO_LARGE : "");
    const line = {
      ...{ n: ++this.#n, at: this.#host.clock.monotonic(), level, message: text },
      dataJson: dataJson ?? null,
    };
    this.#waiting.push(line);
    this.#keep(text.length + (line.dataJson?.length ?? 0));
    if (this.#waiting.length > limits.logLinesMax) this.#waiting.shift();
    this.#writing ??= this.#write();
  }

  /** Resolves when all lines are written, or cannot be. Never rejects. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  #keep(length: number): void {
    this.#lengths.push(length);
    this.#length += length;
    while (this.#length > limits.logLengthMax || this.#lengths.length > limits.logLinesMax) {
      this.#length -= this.#lengths.shift() ?? 0;
    }
  }

  async #write(): Promise<void> {
    // What is logged in one go travels in one statement.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const lines = this.#waiting.splice(0, LINES_PER_WRITE);
      const now = this.#host.clock.monotonic();
      const rows = lines.map(({ at, ...line }) => ({ ...line, ageMs: now - at }));
      const keepFrom = this.#n - this.#lengths.length + 1;
      try {
        if (await this.#host.store.save(this.#job, rows, keepFrom)) continue;
        this.#host.onLost();
      } catch {
        // Lines are for people; the heartbeat is what finds out about the database.
      }
      this.#waiting.length = 0;
    }
    // Right behind the last look: what is logged a moment later would wait for a write that is over.
    this.#writing = null;
  }
}

/** Undefined: it cannot be stored. */
function jsonOf(data: unknown, scrub: AttemptLogHost["scrub"]): string | undefined {
  try {
    const text: string | undefined = JSON.stringify(data, scrub ? scrubbing(scrub) : undefined);
    const isStorable = text !== undefined && text.length <= limits.logDataLengthMax &&
      findJsonIssue(JSON.parse(text)) === null;
    return isStorable ? text : undefined;
  } catch {
    return undefined;
  }
}

/** PostgreSQL takes no NUL and no lone surrogate. */
function storable(text: string): string {
  const cut = text.length > limits.logMessageLengthMax
    ? `${text.slice(0, limits.logMessageLengthMax)}…`
    : text;
  return cut.replaceAll("\0", "").toWellFormed();
}
