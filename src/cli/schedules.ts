/** `schedules`: list, show, put, preview, trigger, pause, resume, remove, where the database is. */
import type { Command } from "commander";
import { DEFAULT_TENANT } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { toSchedule } from "../http/schedule_resource.ts";
import { Schedules, type ScheduleView } from "../runtime/schedules.ts";
import { actorsOf, machinesOf } from "./actors.ts";
import * as form from "./arguments.ts";
import { recordCommand } from "./auditing.ts";
import { type OutputOptions, print, printJson, printTable } from "./output.ts";
import { jobsOf, withStore } from "./service.ts";
import type { Settings } from "./settings.ts";

interface Options extends OutputOptions {
  readonly tenant?: string;
}

interface PutOptions extends Options {
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
type Use = (settings: Settings) => Promise<void>;
type Run = (use: Use) => Promise<void>;
type MakeCommand = (parent: Command, name: string, about: string) => Command;

const header = ["id", "state", "when", "what", "next fire", "last run", "outcome"];

/** Adds the commands to a program. */
export function addSchedules(root: Command, command: MakeCommand, run: Run): void {
  const group = command(root, "schedules", "Schedules: list, put, trigger, pause and more");
  const one = (name: string, about: string) =>
    command(group, name, about).argument("<id>", "its name").option("--tenant <id>")
      .option("--json", "as JSON");
  command(group, "list", "All schedules by id").option("--tenant <id>").option("--json", "as JSON")
    .option("--limit <n>", "rows", form.rows, limits.pageDefault)
    .action((options) => run((s) => list(s, options)));
  one("put", "Make a schedule, or change it")
    .option("--cron <pattern>", "five fields, or six with seconds")
    .option("--every <ms>", "instead of cron", form.delay)
    .option("--zone <name>", "IANA time zone; UTC by default")
    .option("--type <name>", "of the job to start").option("--payload <json>", "", form.json)
    .option("--machine <name>", "of the actor to start").option("--input <json>", "", form.json)
    .option("--queue <name>").option("--missed <policy>", "skip, latest or all")
    .option("--overlap <policy>", "skip, allow, cancel_previous or buffer_one")
    .option("--jitter <ms>", "spreads the starts", form.delay).option("--paused", "not yet")
    .action((id, options) => run((s) => put(s, id, options)));
  one("show", "One schedule, as JSON").action((id, options) =>
    run((s) => show(s, id, null, { ...options, json: true }))
  );
  one("preview", "Its next fire times").option("--count <n>", "", form.rows, 10)
    .action((id, options) => run((s) => preview(s, id, options)));
  one("trigger", "Start a run now").action((id, options) => run((s) => trigger(s, id, options)));
  one("pause", "Fire no more until it is resumed").action((id, options) =>
    run((s) => show(s, id, "pause", options))
  );
  one("resume", "Fire again").action((id, options) => run((s) => show(s, id, "resume", options)));
  one("remove", "Delete a schedule; what it has started goes on").action((id, options) =>
    run((s) => remove(s, id, options))
  );
}

async function list(settings: Settings, options: Options & { limit: number }) {
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

async function put(settings: Settings, id: string, options: PutOptions) {
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
async function show(
  settings: Settings,
  id: string,
  verb: "pause" | "resume" | null,
  options: Options,
) {
  await withSchedules(settings, options, async (schedules, record) => {
    const schedule = await schedules[verb ?? "get"](id, { tenantId: options.tenant ?? null });
    if (verb !== null) await record(verb, id, schedule);
    if (options.json) await printJson(toSchedule(schedule, schedules.handlers));
    else await print(lineOf(schedule));
  });
}

async function preview(settings: Settings, id: string, options: Options & { count: number }) {
  await withSchedules(settings, options, async (schedules) => {
    const aim = { tenantId: options.tenant ?? null };
    const times = await schedules.preview(id, aim, options.count);
    if (options.json) return await printJson(times);
    for (const { fireAt } of times) await print(fireAt);
  });
}

async function trigger(settings: Settings, id: string, options: Options) {
  await withSchedules(settings, options, async (schedules, record) => {
    const run = await schedules.trigger(id, { tenantId: options.tenant ?? null });
    await record("trigger", id);
    if (options.json) await printJson(run);
    else await print(run.jobId ?? run.actorId ?? run.outcome);
  });
}

async function remove(settings: Settings, id: string, options: Options) {
  await withSchedules(settings, options, async (schedules, record) => {
    await schedules.remove(id, { tenantId: options.tenant ?? null });
    await record("delete", id);
    await print(`Removed ${id}`);
  });
}

async function withSchedules(
  settings: Settings,
  { tenant }: Options,
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
