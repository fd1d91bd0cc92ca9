/** The routes that show more of one job: its history, its snapshot, why it does not run. */
import { z } from "@hono/zod-openapi";
import { snapshotOf } from "../core/snapshot.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { readId } from "./request.ts";
import { tenantOf } from "./resource.ts";
import { defineRoute, type Route } from "./route.ts";
import {
  anyJson,
  pageResource,
  reasonsResource,
  tenantQuery,
  transitionResource,
} from "./schemas.ts";
import { stepsPage, stepsQuery, stretchOf } from "./steps.ts";

/** `/transitions`, `/snapshot`, `/explain`. */
export function readRoutes(jobs: Jobs): Route[] {
  const shared = { method: "get", tag: "jobs", scope: "read", codes: ["not_found"] } as const;
  return [
    defineRoute({
      ...shared,
      path: "/jobs/{id}/transitions",
      summary: "The history of a job, ascending; with `last`, the newest so many steps",
      query: stepsQuery,
      answers: { 200: ["One page", pageResource(transitionResource)] },
      handle: async (call) => {
        const stretch = stretchOf(call.query);
        const { after, limit } = stretch;
        const steps = await jobs.history(tenantOf(call), readId(call.c), after, limit);
        return call.c.json(stepsPage(steps, stretch));
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
