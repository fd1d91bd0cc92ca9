/** Records of job logs that travel between runtime and store. */
import type { Json } from "../core/json.ts";
import type { Held } from "./records.ts";

/** How grave a line is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Where a line stands in the log of its job: the version of its claim, its number there. */
export interface LogPlace {
  readonly version: number;
  readonly n: number;
}

/** A line on its way into the store. */
export interface NewLogLine {
  readonly n: number;
  /** Milliseconds since it was logged. */
  readonly ageMs: number;
  readonly level: LogLevel;
  readonly message: string;
  /** JSON text. */
  readonly dataJson: string | null;
}

/** A stored line. */
export interface LogLine extends LogPlace {
  readonly at: string;
  readonly attempt: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly data: Json;
}

/** What handlers log. */
export interface LogStore {
  /**
   * Stores lines, and forgets this claim's lines before `keepFrom` and those of long past claims.
   * False: the lease was lost.
   */
  save(
    job: Held & { readonly attempt: number },
    lines: readonly NewLogLine[],
    keepFrom: number,
  ): Promise<boolean>;
  /** Ascending, after a place. */
  list(
    job: { readonly tenantId: string; readonly id: string },
    after: LogPlace,
    limit: number,
  ): Promise<LogLine[]>;
}
