/** A schedule as the API gives it, and its schemas. */
import { z } from "@hono/zod-openapi";
import { backoffSchema } from "../core/job.ts";
import { MISSED, OVERLAPS, type ScheduleRun } from "../core/schedule.ts";
import type { ScheduleView } from "../runtime/schedules.ts";
import type { Handlers } from "../runtime/handlers.ts";
import { anyJson } from "./schemas.ts";

const instant = z.iso.datetime();
const whole = z.int();

/** One line of a schedule's list of runs. */
export const runResource = z.object({
  scheduledFor: instant,
  at: instant,
  cause: z.enum(["schedule", "trigger"]),
  outcome: z.enum(["started", "starting", "buffered", "skipped", "missed", "failed"]),
  latenessMs: whole,
  count: whole,
  jobId: z.uuid().nullable(),
  actorId: z.string().nullable(),
  state: z.string().nullable(),
  note: z.string().nullable(),
}).openapi("ScheduleRun");

/** A schedule: every key is there, null when empty. */
export const scheduleResource = z.object({
  id: z.string(),
  tenantId: z.string(),
  version: whole,
  cron: z.string().nullable(),
  everyMs: whole.nullable(),
  timeZone: z.string(),
  type: z.string().nullable(),
  machine: z.string().nullable(),
  payload: anyJson,
  input: anyJson,
  queue: z.string().nullable(),
  priority: whole.nullable(),
  maxAttempts: whole.nullable(),
  maxCrashes: whole.nullable(),
  timeoutMs: whole.nullable(),
  backoff: backoffSchema.nullable(),
  partitionKey: z.string().nullable(),
  tags: z.array(z.string()),
  metadata: anyJson,
  missed: z.enum(MISSED),
  maxLatenessMs: whole.nullable(),
  maxCatchUp: whole,
  overlap: z.enum(OVERLAPS),
  jitterMs: whole,
  paused: z.boolean(),
  pausedAt: instant.nullable(),
  nextFireAt: instant.nullable(),
  nextDueAt: instant.nullable(),
  latenessMs: whole,
  bufferedFor: instant.nullable(),
  runCount: whole,
  lastRun: runResource.nullable(),
  createdAt: instant,
  updatedAt: instant,
}).openapi("Schedule");

/** The same with its last runs. */
export const scheduleWithRuns = scheduleResource.extend({ runs: z.array(runResource) })
  .openapi("ScheduleWithRuns");

/** A schedule as clients see it. */
export function toSchedule(
  schedule: ScheduleView,
  handlers: Handlers,
): z.input<typeof scheduleResource> {
  const { definition, id, tenantId, version, runCount, createdAt, updatedAt } = schedule;
  const { missed, maxLatenessMs, maxCatchUp, overlap, jitterMs, paused } = definition;
  return {
    ...{ id, tenantId, version },
    cron: definition.cron ?? null,
    everyMs: definition.everyMs ?? null,
    timeZone: definition.timeZone ?? "UTC",
    type: definition.type ?? null,
    machine: definition.machine ?? null,
    payload: payloadOf(schedule, handlers),
    input: definition.input ?? null,
    queue: definition.queue ?? null,
    priority: definition.priority ?? null,
    maxAttempts: definition.maxAttempts ?? null,
    maxCrashes: definition.maxCrashes ?? null,
    timeoutMs: definition.timeoutMs ?? null,
    backoff: definition.backoff ?? null,
    partitionKey: definition.partitionKey ?? null,
    tags: definition.tags ?? [],
    metadata: definition.metadata ?? null,
    ...{ missed, maxLatenessMs, maxCatchUp, overlap, jitterMs, paused },
    pausedAt: schedule.pausedAt,
    nextFireAt: schedule.fireAt,
    nextDueAt: schedule.dueAt,
    latenessMs: schedule.latenessMs,
    bufferedFor: schedule.bufferedFor,
    runCount,
    lastRun: schedule.lastRun,
    ...{ createdAt, updatedAt },
  };
}

/** What the schema of its type marks as sensitive stays hidden. */
function payloadOf({ definition: { type, payload = {} } }: ScheduleView, handlers: Handlers) {
  if (type === undefined) return null;
  return handlers.get(type)?.payloadRedactor?.hide(payload) ?? payload;
}

/** Its ETag: the version of the definition, which no fire changes. */
export function tagOf({ version }: { readonly version: number }): { etag: string } {
  return { etag: `"${version}"` };
}

/** A page of runs goes on before the fire time of its last. */
export function cursorOf(runs: readonly ScheduleRun[], limit: number): string | null {
  return runs.length === limit ? runs.at(-1)?.scheduledFor ?? null : null;
}
