/** The routes of schedules: make them, look at them, hold them, fire them now. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { MalformedError } from "../core/errors.ts";
import { nameSchema } from "../core/forms.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { scheduleIdSchema, scheduleSchema } from "../core/schedule.ts";
import type { Schedules, ScheduleView } from "../runtime/schedules.ts";
import { check, readIfMatch, readJson, readOptionalJson } from "./request.ts";
import { JOB_BYTES_MAX, SMALL_BYTES_MAX, tenantOf, withTenant } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import {
  cursorOf,
  runResource,
  scheduleResource,
  scheduleWithRuns,
  tagOf,
  toSchedule,
} from "./schedule_resource.ts";
import { flagText, pageQuery, pageResource, tenantQuery, wholeText } from "./schemas.ts";

const query = z.object(tenantQuery);
const listQuery = z.object({
  ...tenantQuery,
  ...pageQuery,
  paused: flagText.optional(),
  type: nameSchema.optional(),
  machine: nameSchema.optional(),
});
const runsQuery = z.object({ ...tenantQuery, ...pageQuery });
const previewQuery = z.object({ ...tenantQuery, count: wholeText(1, 1_000).optional() });
const previewResource = z.object({
  items: z.array(z.object({ fireAt: z.iso.datetime(), dueAt: z.iso.datetime() })),
});
const nothing = z.strictObject({ tenantId: nameSchema.optional() });
const RUNS_SHOWN = 20;
const PREVIEW_DEFAULT = 10;
const invalid = ["payload_too_large", "unsupported_media_type", "invalid_input"] as const;
const shared = { tag: "schedules", idIsText: true } as const;

type TenantCall = Call<{ tenantId?: string | undefined }>;

/** `/schedules` and all below. */
export function scheduleRoutes(schedules: Schedules): Route[] {
  return [listing(schedules), putting(schedules), ...reading(schedules), ...changing(schedules)];
}

function listing(schedules: Schedules): Route {
  return defineRoute({
    ...shared,
    method: "get",
    path: "/schedules",
    summary: "A tenant's schedules by id, each with its next fire time and last run",
    scope: "read",
    query: listQuery,
    answers: { 200: ["One page", pageResource(scheduleResource)] },
    handle: async (call) => {
      const { paused = null, type = null, machine = null, cursor, limit } = call.query;
      const most = limit ?? limits.pageDefault;
      const tenantId = tenantOf(call) ?? DEFAULT_TENANT;
      const filter = { tenantId, isPaused: paused, type, machine };
      const items = await schedules.list(filter, cursor ?? "", most);
      const nextCursor = items.length === most ? items.at(-1)?.id ?? null : null;
      return call.c.json({
        items: items.map((item) => toSchedule(item, schedules.handlers)),
        nextCursor,
      });
    },
  });
}

function putting(schedules: Schedules): Route {
  return defineRoute({
    ...shared,
    method: "put",
    path: "/schedules/{id}",
    summary: "Make a schedule, or change it; what is left out is the default again",
    scope: "operate",
    audit: "schedule.put",
    query,
    ifMatch: true,
    body: { "application/json": { schema: scheduleSchema } },
    answers: { 200: ["Changed", scheduleResource], 201: ["Made", scheduleResource] },
    codes: ["not_found", ...invalid, "unknown_type", "unknown_machine"],
    handle: async (call) => {
      const { c } = call;
      const aim = aimOf(call);
      const body = withTenant(await readJson(c, JOB_BYTES_MAX), aim.tenantId);
      const { schedule, created } = await schedules.put(idOf(c), body, aim);
      call.note({ tenantId: schedule.tenantId, version: schedule.version });
      const location = `${call.prefix}/schedules/${schedule.id}`;
      const headers = { ...tagOf(schedule), ...(created ? { location } : {}) };
      return c.json(toSchedule(schedule, schedules.handlers), created ? 201 : 200, headers);
    },
  });
}

function reading(schedules: Schedules): Route[] {
  return [
    defineRoute({
      ...shared,
      method: "get",
      path: "/schedules/{id}",
      summary: "One schedule with its last runs; its version is the ETag",
      scope: "read",
      query,
      answers: { 200: ["The schedule", scheduleWithRuns] },
      codes: ["not_found"],
      handle: async (call) => {
        const aim = aimOf(call);
        const schedule = await schedules.get(idOf(call.c), aim);
        const runs = await schedules.runs(schedule.id, aim, null, RUNS_SHOWN);
        return call.c.json(
          { ...toSchedule(schedule, schedules.handlers), runs },
          200,
          tagOf(schedule),
        );
      },
    }),
    defineRoute({
      ...shared,
      method: "get",
      path: "/schedules/{id}/runs",
      summary: "What became of its fire times, newest first; the last hundred or so are kept",
      scope: "read",
      query: runsQuery,
      answers: { 200: ["One page", pageResource(runResource)] },
      codes: ["not_found"],
      handle: async (call) => {
        const { cursor = null, limit = limits.pageDefault } = call.query;
        if (cursor !== null && !z.iso.datetime().safeParse(cursor).success) {
          throw new MalformedError("cursor is not one of ours");
        }
        const items = await schedules.runs(idOf(call.c), aimOf(call), cursor, limit);
        return call.c.json({ items, nextCursor: cursorOf(items, limit) });
      },
    }),
    defineRoute({
      ...shared,
      method: "get",
      path: "/schedules/{id}/preview",
      summary: "Its next fire times, as if it were not paused",
      scope: "read",
      query: previewQuery,
      answers: { 200: ["Ascending; fewer when there are no more", previewResource] },
      codes: ["not_found"],
      handle: async (call) => {
        const { count = PREVIEW_DEFAULT } = call.query;
        return call.c.json({ items: await schedules.preview(idOf(call.c), aimOf(call), count) });
      },
    }),
  ];
}

function changing(schedules: Schedules): Route[] {
  const verb = (
    name: string,
    summary: string,
    act: (id: string, aim: ReturnType<typeof aimOf>) => Promise<ScheduleView>,
  ) =>
    defineRoute({
      ...shared,
      method: "post",
      path: `/schedules/{id}/${name}`,
      summary,
      scope: "operate",
      audit: `schedule.${name}`,
      query,
      ifMatch: true,
      body: { "application/json": { schema: nothing } },
      bodyIsOptional: true,
      answers: { 200: ["How it stands now", scheduleResource] },
      codes: ["not_found", ...invalid],
      handle: async (call) => {
        const schedule = await act(idOf(call.c), await bodyAim(call));
        call.note({ tenantId: schedule.tenantId, version: schedule.version });
        return call.c.json(toSchedule(schedule, schedules.handlers), 200, tagOf(schedule));
      },
    });
  return [
    defineRoute({
      ...shared,
      method: "delete",
      path: "/schedules/{id}",
      summary: "Delete a schedule; what it has started goes on",
      scope: "operate",
      audit: "schedule.delete",
      query,
      ifMatch: true,
      answers: { 204: ["Deleted", null] },
      codes: ["not_found"],
      handle: async (call) => {
        const aim = aimOf(call);
        await schedules.remove(idOf(call.c), aim);
        call.note({ tenantId: aim.tenantId ?? DEFAULT_TENANT });
        return call.c.body(null, 204);
      },
    }),
    verb("pause", "Fire no more until it is resumed", (id, aim) => schedules.pause(id, aim)),
    verb(
      "resume",
      "Fire again, next after now: what it was paused for is not missed",
      (id, aim) => schedules.resume(id, aim),
    ),
    triggering(schedules),
  ];
}

function triggering(schedules: Schedules): Route {
  return defineRoute({
    ...shared,
    method: "post",
    path: "/schedules/{id}/trigger",
    summary: "Start a run now, paused or not; its fire times stay as they are",
    scope: "operate",
    audit: "schedule.trigger",
    query,
    ifMatch: true,
    body: { "application/json": { schema: nothing } },
    bodyIsOptional: true,
    answers: { 201: ["The run, with its job or actor", runResource] },
    codes: ["not_found", ...invalid, "unknown_type", "unknown_machine", "rate_limited"],
    handle: async (call) => {
      const aim = await bodyAim(call);
      const run = await schedules.trigger(idOf(call.c), aim);
      const tenantId = aim.tenantId ?? DEFAULT_TENANT;
      call.note({ tenantId, detail: { jobId: run.jobId, actorId: run.actorId } });
      const what = run.jobId
        ? `/jobs/${run.jobId}`
        : `/actors/${encodeURIComponent(run.actorId ?? "")}`;
      return call.c.json(run, 201, { location: `${call.prefix}${what}` });
    },
  });
}

function aimOf(call: TenantCall) {
  return { tenantId: tenantOf(call), ifVersion: readIfMatch(call.c) };
}

/** The same, where the body may name the tenant as well. */
async function bodyAim(call: TenantCall) {
  const aim = aimOf(call);
  const given = await readOptionalJson(call.c, SMALL_BYTES_MAX);
  const { tenantId = null } = check(nothing, withTenant(given, aim.tenantId));
  return { ...aim, tenantId };
}

function idOf(c: Context): string {
  const id = c.req.param("id") ?? "";
  if (!scheduleIdSchema.safeParse(id).success) {
    throw new MalformedError(`"${id.slice(0, 64)}" is not the id of a schedule`);
  }
  return id;
}
