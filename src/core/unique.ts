/** `unique`: what becomes of a job while another of its type has its key. */
import { z } from "zod";
import type { JobState } from "../../machines/job.ts";
import { InvalidInputError } from "./errors.ts";
import type { Json } from "./json.ts";
import { isTerminal } from "./lifecycle.ts";
import { limits } from "./limits.ts";

/** A rule on a job. The key is one of its tenant and type. */
export const uniqueSchema = z.strictObject({
  key: z.string().min(1).max(limits.keyLengthMax),
  /** `live`: until its job has ended. `window`: for `windowMs` from when it was taken, ended or not. */
  scope: z.enum(["live", "window"]).default("live"),
  windowMs: z.int().min(1).max(limits.delayMsMax).optional(),
  /** While its job waits: it stays as it is, or becomes as the new one, at its own time or not. */
  onWaiting: z.enum(["keep", "replace", "replaceKeepRunAt"]).default("keep"),
  /** While its job runs: nothing, a second job beside it, or one that starts after it. */
  onRunning: z.enum(["ignore", "enqueue", "runAgain"]).default("ignore"),
}).superRefine(({ scope, windowMs }, context) => {
  const isWindow = scope === "window";
  if (isWindow === (windowMs !== undefined)) return;
  const message = isWindow ? 'Give windowMs: the scope is "window"' : 'Only for the scope "window"';
  context.addIssue({ code: "custom", path: ["windowMs"], message });
});

/** A checked rule. */
export type UniqueRule = z.output<typeof uniqueSchema>;

/** What became of a unique job. */
export type UniqueOutcome = "inserted" | "deduplicated" | "replaced";

/** The name under which a job's metadata has its key: a requeue takes the key again. */
const UNIQUE_MEMBER = "uniqueKey";

/** Who has the key. */
export interface Holding {
  /** Of the job that has it; null: it is gone. */
  readonly state: JobState | null;
  /** Its window is not over. */
  readonly isWithin: boolean;
  /** It waits for the end of an earlier job. */
  readonly waits: boolean;
}

/** What to do with a new job: take the key with it, alone or behind the holder, or not store it. */
export type UniqueAction = "take" | "follow" | "keep" | "replace" | "replaceKeepRunAt";

/** Decides; pure. */
export function uniqueAction(rule: UniqueRule, held: Holding): UniqueAction {
  const { state, isWithin, waits } = held;
  const isWindow = rule.scope === "window";
  if (state === null || (isWindow && !isWithin)) return "take";
  if (isTerminal(state)) return isWindow ? "keep" : "take";
  if (state === "running") {
    return rule.onRunning === "runAgain"
      ? "follow"
      : rule.onRunning === "enqueue"
      ? "take"
      : "keep";
  }
  // The one that follows is as new as can be, and still follows.
  const isNewest = rule.onRunning === "runAgain" || rule.onWaiting !== "keep";
  if (waits) return isNewest ? "replaceKeepRunAt" : "keep";
  return rule.onWaiting;
}

/** The metadata of a job with its key. @throws {InvalidInputError} The name is ours. */
export function withUniqueKey(
  metadata: Readonly<Record<string, unknown>> | undefined,
  rule: UniqueRule | undefined,
  path: string,
): Readonly<Record<string, unknown>> | undefined {
  if (metadata && UNIQUE_MEMBER in metadata) throw notYours(path);
  return rule ? { ...metadata, [UNIQUE_MEMBER]: rule.key } : metadata;
}

/** The key in a job's metadata; null: it has none. */
export function uniqueKeyOf(metadata: Json): string | null {
  const key = isObject(metadata) ? metadata[UNIQUE_MEMBER] : undefined;
  return typeof key === "string" ? key : null;
}

/** Metadata for a copy, which has no key: none, where that was all of it. */
export function withoutUniqueKey(metadata: Json): Json {
  if (!isObject(metadata) || !(UNIQUE_MEMBER in metadata)) return metadata;
  const { [UNIQUE_MEMBER]: _, ...rest } = metadata;
  return Object.keys(rest).length === 0 ? null : rest;
}

/**
 * Another metadata of the same job: its key stays, and may be said again.
 *
 * @throws {InvalidInputError} It names another key: a requeue would take that one.
 */
export function keepingUniqueKey(before: Json, after: Json, path: string): Json {
  const key = isObject(before) ? before[UNIQUE_MEMBER] : undefined;
  const said = isObject(after) ? after[UNIQUE_MEMBER] : undefined;
  if (said !== undefined && said !== key) throw notYours(path);
  if (key === undefined) return after;
  return { ...(isObject(after) ? after : {}), [UNIQUE_MEMBER]: key };
}

function notYours(path: string): InvalidInputError {
  const message = "Is the key of `unique`; choose another name";
  return new InvalidInputError([{ path: `${path}.${UNIQUE_MEMBER}`, message }]);
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
