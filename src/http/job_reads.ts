/** The routes that show more of one job: its history, its snapshot, why it does not run. */
import { z } from "@hono/zod-openapi";
import { MalformedError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { snapshotOf } from "../core/snapshot.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { historyPage } from "./jobs.ts";
import { readId } from "./request.ts";
import { tenantOf } from "./resource.ts";
import { defineRoute, type Route } from "./route.ts";
import {
  anyJson,
  pageQuery,
  pageResource,
  reasonsResource,
  tenantQuery,
  transitionResource,
} from "./schemas.ts";

const VERSION_MAX = 2 ** 31 - 1;

/** `/transitions`, `/snapshot`, `/explain`. */
export function readRoutes(jobs: Jobs): Route[] {
  const shared = { method: "get", tag: "jobs", scope: "read", codes: ["not_found"] } as const;
  return [
    defineRoute({
      ...shared,
      path: "/jobs/{id}/transitions",
      summary: "The history of a job, ascending",
      query: z.object({ ...tenantQuery, ...pageQuery }),
      answers: { 200: ["One page", pageResource(transitionResource)] },
      handle: async (call) => {
        const { limit = limits.pageDefault, cursor = "0" } = call.query;
        const after = /^\d{1,10}$/.test(cursor) ? Number(cursor) : Infinity;
        if (after > VERSION_MAX) throw new MalformedError("cursor is not one of ours");
        const items = await jobs.history(tenantOf(call), readId(call.c), after, limit);
        return call.c.json(historyPage(items, limit));
      },
    }),
    defineRoute({
      ...shared,
      path: "/jobs/{id}/snapshot",
      summary: "The job as createActor(jobMachine, { snapshot }) takes it",
      query: z.object(tenantQuery),
      answers: { 200: ["A persisted snapshot of XState", z.record(z.string(), anyJson)] },
      handle: async (call) =>
        Response.json(snapshotOf(await jobs.get(tenantOf(call), readId(call.c)))),
    }),
    defineRoute({
      ...shared,
      path: "/jobs/{id}/explain",
      summary: "Why the job does not run, in the order in which the reasons have to go away",
      query: z.object(tenantQuery),
      answers: {
        200: ["The reasons", reasonsResource],
      },
      handle: async (call) =>
        call.c.json({ reasons: await jobs.explain(tenantOf(call), readId(call.c)) }),
    }),
  ];
}
