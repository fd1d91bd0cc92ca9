/** Forms of arguments: a wrong one is wrong use, told before anything is opened. */
import { InvalidArgumentError } from "commander";
import { SCOPES } from "../core/access.ts";
import { isUuid } from "../core/id.ts";
import { instantSchema, nameSchema } from "../core/forms.ts";
import { limits } from "../core/limits.ts";
import { JOB_STATES, type JobState } from "../../machines/job.ts";

/** A whole number in a range. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Must be a whole number from ${min} to ${max}.`);
  };
}

/** Milliseconds to wait before a job is due. */
export const delay = whole(0, limits.delayMsMax);

/** Rows of a list. */
export const rows = whole(1, limits.pageMax);

/** When a batch is done. */
export function until(text: string): "all" | "any" | number {
  return text === "all" || text === "any" ? text : whole(1, limits.batchJobsMax)(text);
}

/** JSON text. */
export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("Must be JSON.");
  }
}

/** The id of a job or key. */
export function id(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError("Must be a UUID.");
  return text.toLowerCase();
}

/** The name of a queue. */
export function name(text: string): string {
  const parsed = nameSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`${parsed.error.issues[0]?.message}.`);
}

/** Ids of jobs, separated by commas. */
export function ids(text: string): string[] {
  return text.split(",").map((each) => id(each.trim()));
}

/** States of jobs, separated by commas. */
export function states(text: string): JobState[] {
  return namesOf(text, JOB_STATES);
}

/** Scopes of a key, separated by commas. */
export function scopes(text: string): (typeof SCOPES)[number][] {
  return namesOf(text, SCOPES);
}

/** An instant, in RFC 3339. */
export function instant(text: string): string {
  const parsed = instantSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError("Must be like 2027-01-31T12:00:00Z.");
}

function namesOf<T extends string>(text: string, known: readonly T[]): T[] {
  return text.split(",").map((name) => {
    const found = known.find((one) => one === name.trim());
    if (found === undefined) throw new InvalidArgumentError(`Must be of ${known.join(", ")}.`);
    return found;
  });
}
