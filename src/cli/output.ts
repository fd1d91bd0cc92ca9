/** What commands print: a table for people, one JSON text with `--json`. */
import type { Job, Transition } from "../core/job.ts";

/** How to print. */
export interface OutputOptions {
  readonly json?: boolean;
}

/** Prints one line on standard output. */
export async function print(line: string): Promise<void> {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let from = 0; from < bytes.length;) from += await Deno.stdout.write(bytes.subarray(from));
}

/** Prints a value as one JSON text. */
export function printJson(value: unknown): Promise<void> {
  return print(JSON.stringify(value));
}

/** Prints rows under a header, as wide as they need to be. */
export async function printTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): Promise<void> {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  for (const row of all) {
    await print(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
  }
}

/** A job in one row. */
export const jobHeader: readonly string[] = [
  ...["id", "state", "type", "queue", "attempt", "run at"],
  "last error",
];

/** Of an error in a row, at most. */
const ERROR_LENGTH = 80;

/** The cells of `jobHeader`. */
export function jobRow(job: Job): string[] {
  const attempt = `${job.attempt}/${job.maxAttempts}`;
  const error = job.lastError?.message.split("\n")[0]?.slice(0, ERROR_LENGTH) ?? "";
  return [job.id, job.state, job.type, job.queue, attempt, job.runAt, error];
}

/** A step in one line. */
export function stepLine({ version, at, from, event, to, attempt, cause }: Transition): string {
  const why = cause === null ? "" : `  ${cause}`;
  return `${String(version).padStart(4)}  ${at}  ${event} ${
    from ?? "·"
  } → ${to}  #${attempt}${why}`;
}

/** A step of an actor. */
export interface ActorStepLine {
  readonly actorId: string;
  readonly version: number;
  readonly at: string;
  readonly event: string;
  readonly from: string | null;
  readonly to: string;
  readonly outcome: string;
  readonly cause: string | null;
}

/** The same in one line. */
export function actorStepLine(machine: string, step: ActorStepLine): string {
  const { actorId, version, at, event, from, to, outcome, cause } = step;
  const how = outcome === "handled" ? "" : `  ${outcome}`;
  const why = cause === null ? "" : `  ${cause}`;
  return `${actorId} ${machine} ${String(version).padStart(4)}  ${at}  ${event} ${
    from ?? "·"
  } → ${to}${how}${why}`;
}
