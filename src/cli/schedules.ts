/** `schedules`: list, show, put, preview, trigger, pause, resume, remove, where the database is. */
import { DEFAULT_TENANT } from "../core/job.ts";
import { toSchedule } from "../http/schedule_resource.ts";
import { Schedules, type ScheduleView } from "../runtime/schedules.ts";
import { actorsOf, machinesOf } from "./actors.ts";
import { recordCommand } from "./auditing.ts";
import { type OutputOptions, print, printJson, printTable } from "./output.ts";
import { jobsOf } from "./handling.ts";
import { withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

/** What all of them take. */
export interface ScheduleOptions extends OutputOptions {
  readonly tenant?: string;
}

/** What `schedules put` takes. */
export interface PutOptions extends ScheduleOptions {
  readonly cron?: string;
  readonly every?: number;
  readonly zone?: string;
  readonly type?: string;
  readonly machine?: string;
  readonly payload?: unknown;
  readonly input?: unknown;
  readonly queue?: string;
  readonly missed?: string;
  readonly overlap?: string;
  readonly jitter?: number;
  readonly paused?: boolean;
}

/** An action, as the audit names it; of a schedule as it is after that, if it still is. */
type RecordAction = (action: string, id: string, after?: ScheduleView) => Promise<void>;

const header = ["id", "state", "when", "what", "next fire", "last run", "outcome"];

/** All of a tenant, by id. */
export async function listSchedules(
  settings: Settings,
  options: ScheduleOptions & { limit: number },
) {
  await withSchedules(settings, options, async (schedules) => {
    const tenantId = options.tenant ?? DEFAULT_TENANT;
    const filter = { tenantId, isPaused: null, type: null, machine: null };
    const items = await schedules.list(filter, "", options.limit);
    if (options.json) {
      return await printJson(items.map((item) => toSchedule(item, schedules.handlers)));
    }
    await printTable(header, items.map(rowOf));
  });
}

/** Makes one, or changes it. */
export async function putSchedule(settings: Settings, id: string, options: PutOptions) {
  const { cron, every, zone, type, machine, payload, input, queue } = options;
  const { missed, overlap, jitter, paused, tenant } = options;
  const given = {
    ...{ cron, everyMs: every, timeZone: zone, type, machine, payload, input, queue },
    ...{ missed, overlap, jitterMs: jitter, paused, tenantId: tenant },
  };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  await withSchedules(settings, options, async (schedules, record) => {
    const { schedule } = await schedules.put(id, Object.fromEntries(set));
    await record("put", id, schedule);
    if (options.json) await printJson(toSchedule(schedule, schedules.handlers));
    else await print(lineOf(schedule));
  });
}

/** Shows it; first, `verb` is done to it. */
export async function showSchedule(
  settings: Settings,
  id: string,
  verb: "pause" | "resume" | null,
  options: ScheduleOptions,
) {
  await withSchedules(settings, options, async (schedules, record) => {
    const schedule = await schedules[verb ?? "get"](id, { tenantId: options.tenant ?? null });
    if (verb !== null) await record(verb, id, schedule);
    if (options.json) await printJson(toSchedule(schedule, schedules.handlers));
    else await print(lineOf(schedule));
  });
}

/** Its next fire times. */
export async function previewSchedule(
  settings: Settings,
  id: string,
  options: ScheduleOptions & { count: number },
) {
  await withSchedules(settings, options, async (schedules) => {
    const aim = { tenantId: options.tenant ?? null };
    const times = await schedules.preview(id, aim, options.count);
    if (options.json) return await printJson(times);
    for (const { fireAt } of times) await print(fireAt);
  });
}

/** Starts a run now. */
export async function triggerSchedule(settings: Settings, id: string, options: ScheduleOptions) {
  await withSchedules(settings, options, async (schedules, record) => {
    const run = await schedules.trigger(id, { tenantId: options.tenant ?? null });
    await record("trigger", id);
    if (options.json) await printJson(run);
    else await print(run.jobId ?? run.actorId ?? run.outcome);
  });
}

/** Deletes one; what it has started goes on. */
export async function removeSchedule(settings: Settings, id: string, options: ScheduleOptions) {
  await withSchedules(settings, options, async (schedules, record) => {
    await schedules.remove(id, { tenantId: options.tenant ?? null });
    await record("delete", id);
    if (options.json) await printJson({ id, removed: true });
    else await print(`Removed ${id}`);
  });
}

async function withSchedules(
  settings: Settings,
  { tenant }: ScheduleOptions,
  work: (schedules: Schedules, record: RecordAction) => Promise<void>,
) {
  const debug = settings.PERDURA_DEBUG ?? true;
  await withStore(settings, { name: "perdura cli", debug }, async (store) => {
    const machines = machinesOf(debug, settings.own);
    const { actors } = actorsOf(settings, store, machines);
    const { host } = jobsOf(settings, store, debug);
    await work(new Schedules({ ...host, actors }), (action, id, after) =>
      recordCommand(store, {
        tenantId: after?.tenantId ?? tenant ?? DEFAULT_TENANT,
        action: `schedule.${action}`,
        subject: `schedules/${id}`,
        ...after ? { version: after.version } : {},
      }));
  });
}

function rowOf(schedule: ScheduleView): string[] {
  const { id, definition, fireAt, lastRun } = schedule;
  const { cron, everyMs, timeZone = "UTC", type, machine, paused } = definition;
  return [
    ...[id, paused ? "paused" : "active", cron ? `${cron} ${timeZone}` : `every ${everyMs} ms`],
    ...[type ?? machine ?? "", fireAt ?? "never", lastRun?.scheduledFor ?? "never"],
    lastRun?.state ?? lastRun?.outcome ?? "",
  ];
}

function lineOf({ id, definition, fireAt }: ScheduleView): string {
  return definition.paused ? `${id} is paused` : `${id} fires next at ${fireAt ?? "no time"}`;
}
