/**
 * The fingerprint of an error: the same for all errors that differ only in ids, numbers and what is
 * quoted in them.
 *
 * It is made once, when the error is stored. Words with a digit in them are taken for ids; that may put
 * two errors into one group, and never splits a group by the job it came from.
 */
import type { JobError } from "./failure.ts";
import { hashText } from "./hash.ts";

const LENGTH_MAX = 1_000;

/** Sixteen hexadecimal digits. */
export function fingerprintOf({ name, message }: Pick<JobError, "name" | "message">): string {
  return hashText(`${name}\n${normalised(message)}`);
}

/** A message without what is special about one occurrence. */
export function normalised(message: string): string {
  return message.slice(0, LENGTH_MAX)
    .replace(/"[^"]*"|'[^']*'|`[^`]*`|“[^”]*”/g, "…")
    .replace(/[\w.:@/-]*\d[\w.:@/-]*/g, "#")
    .replace(/#(?:\W{0,2}#)+/g, "#")
    .replace(/\s+/g, " ")
    .trim();
}

/** An error as it is stored, JSON. */
export function storedError(error: JobError): string {
  return JSON.stringify({ ...error, fingerprint: fingerprintOf(error) });
}
