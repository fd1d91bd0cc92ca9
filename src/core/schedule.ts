/** Schedules: what clients send to make one, and what is due of one at an instant. */
import { z } from "zod";
import { isTimeZone, nextFire, nextFires, type Rhythm } from "./cron.ts";
import { InvalidInputError, type Issue } from "./errors.ts";
import { unitHash } from "./hash.ts";
import { nameSchema } from "./forms.ts";
import { issuesOf, jobOptions } from "./job.ts";
import { limits } from "./limits.ts";

/** What becomes of fire times that have passed with nobody there. */
export const MISSED = ["skip", "latest", "all"] as const;
/** What becomes of a fire time while the run before it still lives. */
export const OVERLAPS = ["skip", "allow", "cancel_previous", "buffer_one"] as const;

const day = 24 * 3600 * 1000;
/** How late `missed: "skip"` still fires: half of the period, within these. */
const ON_TIME_MS_MIN = 1_000;
const ON_TIME_MS_MAX = 60_000;
/** Passed fire times that are looked at one by one. */
const STEPS_MAX = 2_000;
/** The look back at the newest of them grows by this, until it holds enough. */
const SPAN_GROWTH = 4;

const {
  queue,
  priority,
  maxAttempts,
  maxCrashes,
  backoff,
  timeoutMs,
  partitionKey,
  tags,
  metadata,
} = jobOptions;

/** Options of a schedule's jobs, by the names of `POST /jobs`. */
const ofJobs = {
  queue: queue.unwrap().optional(),
  priority: priority.unwrap().optional(),
  ...{ maxAttempts, maxCrashes, backoff, timeoutMs, partitionKey, tags, metadata },
} as const;

/** Body of `PUT /schedules/{id}`. Exactly one of `cron` and `everyMs`, one of `type` and `machine`. */
export const scheduleSchema = z.strictObject({
  tenantId: nameSchema.optional(),
  cron: z.string().min(1).max(200).optional(),
  everyMs: z.int().min(1_000).max(366 * day).optional(),
  timeZone: z.string().min(1).max(100).optional(),
  type: nameSchema.optional(),
  machine: nameSchema.optional(),
  payload: z.unknown().optional(),
  input: z.unknown().optional(),
  ...ofJobs,
  missed: z.enum(MISSED).default("latest"),
  maxLatenessMs: z.int().min(0).max(366 * day).nullable().default(null),
  maxCatchUp: z.int().min(1).max(1_000).default(100),
  overlap: z.enum(OVERLAPS).default("allow"),
  jitterMs: z.int().min(0).max(day).default(0),
  paused: z.boolean().default(false),
});

/** The id of a schedule: it is part of the ids of its actors, and of a path. */
export const scheduleIdSchema = z.string().min(1).max(limits.nameLengthMax)
  .regex(
    /^[A-Za-z0-9_][\w.:@-]*$/,
    "Use letters, digits and _ . : @ -, beginning with a letter, digit or _",
  );

/** What a client may send. */
export type ScheduleInput = z.input<typeof scheduleSchema>;

/** The same, checked. */
export type ScheduleDefinition = z.output<typeof scheduleSchema>;

/** What happened to a fire time. */
export type RunOutcome = "started" | "starting" | "buffered" | "skipped" | "missed" | "failed";

/** One fire time of a schedule, or several that were missed. */
export interface ScheduleRun {
  readonly scheduledFor: string;
  /** When it was dealt with. */
  readonly at: string;
  readonly cause: "schedule" | "trigger";
  readonly outcome: RunOutcome;
  /** Behind its time, jitter not counted. */
  readonly latenessMs: number;
  /** Fire times that this line stands for: 1, or the number of missed ones. */
  readonly count: number;
  readonly jobId: string | null;
  readonly actorId: string | null;
  /** Of its job or actor now; null when it has none. */
  readonly state: string | null;
  /** Why nothing was started. */
  readonly note: string | null;
}

/** A schedule as it is stored. */
export interface Schedule {
  readonly tenantId: string;
  readonly id: string;
  readonly version: number;
  readonly definition: ScheduleDefinition;
  /** Next fire time; null: paused, or never again. */
  readonly fireAt: string | null;
  /** The same and its jitter. */
  readonly dueAt: string | null;
  /** A fire time that waits for the run before it to end. */
  readonly bufferedFor: string | null;
  readonly pausedAt: string | null;
  readonly runCount: number;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly lastRun: ScheduleRun | null;
}

/**
 * Checks what a client sent as a schedule.
 *
 * @param nowMs To tell a pattern that never fires.
 * @throws {InvalidInputError} With one issue per wrong field.
 */
export function parseSchedule(input: unknown, nowMs: number): ScheduleDefinition {
  const parsed = scheduleSchema.safeParse(input);
  if (!parsed.success) throw new InvalidInputError(issuesOf(parsed.error, (path) => path));
  const issues = [...contradictions(parsed.data), ...timeIssues(parsed.data, nowMs)];
  if (issues.length > 0) throw new InvalidInputError(issues);
  return parsed.data;
}

/** When a schedule fires. */
export function rhythmOf(definition: ScheduleDefinition, createdMs: number): Rhythm {
  const { cron, everyMs, timeZone = "UTC" } = definition;
  if (cron !== undefined) return { cron, timeZone };
  return { everyMs: everyMs ?? day, anchorMs: createdMs };
}

/** A fire time and its jitter: the same for every process that asks. */
export function dueOf(name: string, fireMs: number, jitterMs: number): number {
  return fireMs + Math.floor(unitHash(`${name}\n${fireMs}`) * (jitterMs + 1));
}

/** What is due of a schedule. */
export interface Due {
  /** To be fired, ascending. */
  readonly fires: readonly number[];
  /** Those for which nobody was there when they came. */
  readonly late: ReadonlySet<number>;
  /** Passed over: the first of them, and how many; of a pattern that is far behind, at least. */
  readonly missed: {
    readonly first: number;
    readonly count: number;
    readonly isExact: boolean;
  } | null;
  /** Next fire time; null: never again. */
  readonly next: number | null;
}

/**
 * What is due at `nowMs`, and what of it is to be fired.
 *
 * Of all fire times that have passed, the newest is the current one, and all before it are missed.
 *
 * @param firstMs The fire time that came due.
 * @param isDue Whether a fire time has come, its jitter included.
 */
export function dueAt(
  definition: ScheduleDefinition,
  rhythm: Rhythm,
  firstMs: number,
  nowMs: number,
  isDue: (fireMs: number) => boolean = (fireMs) => fireMs <= nowMs,
): Due {
  const times: number[] = [];
  let passed = 0;
  let isExact = true;
  let at: number | null = firstMs;
  for (; at !== null && isDue(at) && passed < STEPS_MAX; passed++) {
    times.push(at);
    if (times.length > definition.maxCatchUp) times.shift();
    at = nextFire(rhythm, at);
  }
  if (at !== null && isDue(at)) {
    // Far behind: what is long past is not counted one by one, and what is wanted is the newest.
    for (let spanMs = STEPS_MAX * 1_000;; spanMs *= SPAN_GROWTH) {
      const newest = timesUntil(rhythm, Math.max(at - 1, nowMs - spanMs), isDue);
      const isWhole = nowMs - spanMs < at;
      if (newest.times.length < definition.maxCatchUp && !isWhole) continue;
      times.push(...newest.times);
      passed += newest.times.length;
      isExact = isWhole;
      at = newest.next;
      break;
    }
    times.splice(0, times.length - definition.maxCatchUp);
  }
  const current = times.at(-1) ?? firstMs;
  if (!isExact && "everyMs" in rhythm) {
    passed = Math.round((current - firstMs) / rhythm.everyMs) + 1;
    isExact = true;
  }
  const halfMs = ((at ?? current) - current) / 2;
  const onTimeMs = Math.min(Math.max(halfMs, ON_TIME_MS_MIN), ON_TIME_MS_MAX);
  const { missed, maxLatenessMs, jitterMs } = definition;
  const mostMs = maxLatenessMs ?? (missed === "skip" ? onTimeMs : Infinity);
  const latenessOf = (time: number) => nowMs - time - jitterMs;
  const fires = times.filter((time) =>
    (missed === "all" || time === current) && latenessOf(time) <= mostMs
  );
  const count = passed - fires.length;
  return {
    fires,
    late: new Set(fires.filter((time) => time < current || latenessOf(time) > onTimeMs)),
    missed: count > 0 ? { first: firstMs, count, isExact } : null,
    next: at,
  };
}

/** Fire times after an instant, as far as they are due, and the next one. */
function timesUntil(
  rhythm: Rhythm,
  afterMs: number,
  isDue: (fireMs: number) => boolean,
): { readonly times: number[]; readonly next: number | null } {
  const times: number[] = [];
  let next = nextFire(rhythm, afterMs);
  for (; next !== null && isDue(next); next = nextFire(rhythm, next)) times.push(next);
  return { times, next };
}

function contradictions(definition: ScheduleDefinition): Issue[] {
  const { cron, everyMs, timeZone, type, machine, payload, input } = definition;
  const issues: Issue[] = [];
  const refuse = (path: string, message: string) => issues.push({ path, message });
  if (cron === undefined && everyMs === undefined) refuse("cron", "Give cron or everyMs");
  if (cron !== undefined && everyMs !== undefined) {
    refuse("everyMs", "Give either cron or everyMs, not both");
  }
  if (everyMs !== undefined && timeZone !== undefined) {
    refuse("timeZone", "An interval has no time zone; it is for cron");
  }
  if (type === undefined && machine === undefined) refuse("type", "Give type or machine");
  if (type !== undefined && machine !== undefined) {
    refuse("machine", "Give either type or machine, not both");
  } else if (machine !== undefined) {
    if (payload !== undefined) refuse("payload", "An actor has input; payload is for jobs");
    for (const [name, value] of Object.entries(definition)) {
      if (name in ofJobs && value !== undefined) refuse(name, "This is for jobs, not for actors");
    }
  } else if (input !== undefined) refuse("input", "A job has a payload; input is for actors");
  return issues;
}

function timeIssues(definition: ScheduleDefinition, nowMs: number): Issue[] {
  const { cron, everyMs, timeZone = "UTC", jitterMs } = definition;
  if (cron === undefined && everyMs === undefined) return [];
  if (!isTimeZone(timeZone)) {
    const message = `Unknown time zone "${timeZone}"; use an IANA name such as "Europe/Berlin"`;
    return [{ path: "timeZone", message }];
  }
  try {
    const times = nextFires(rhythmOf(definition, nowMs), nowMs, 10);
    if (times.length === 0) return [{ path: "cron", message: "This pattern never fires" }];
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    const shortest = Math.min(...gaps, Infinity);
    if (jitterMs < shortest) return [];
    const message = `Must be less than the time between two runs, ${shortest} ms`;
    return [{ path: "jitterMs", message }];
  } catch (error) {
    if (error instanceof InvalidInputError) return [...error.issues];
    throw error;
  }
}

/** The options of its jobs, those that are set. */
export function jobOptionsOf(definition: ScheduleDefinition): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(definition).filter(([name, value]) => name in ofJobs && value !== undefined),
  );
}

/** What a run knows of its schedule, among its metadata. */
export function metadataOf(
  schedule: Pick<Schedule, "id" | "definition">,
  fireMs: number,
  isLate: boolean,
): Readonly<Record<string, unknown>> {
  const { metadata = {} } = schedule.definition;
  return {
    ...metadata,
    scheduleId: schedule.id,
    scheduledFor: new Date(fireMs).toISOString(),
    late: isLate,
  };
}
