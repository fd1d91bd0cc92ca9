/** The workers that say they are alive. */
import { z } from "@hono/zod-openapi";
import type { Jobs } from "../runtime/jobs.ts";
import { defineRoute, type Route } from "./route.ts";
import { pageResource } from "./schemas.ts";
import { pageOf, shortListQuery } from "./short_list.ts";
import { toWorker } from "./worker_resource.ts";

const worker = z.object({
  id: z.uuid(),
  state: z.enum(["alive", "silent"]),
  version: z.string(),
  startedAt: z.iso.datetime(),
  heartbeatAt: z.iso.datetime(),
  everyMs: z.int(),
  running: z.int(),
  concurrency: z.int(),
  types: z.array(z.string()),
  machines: z.array(z.string()),
  queues: z.array(z.string()).nullable(),
  partitionKey: z.string().nullable(),
}).openapi("Worker");

/** `/workers` */
export function workerRoutes(jobs: Jobs): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/workers",
      summary: "The workers, the longest alive first; one that died is silent for a day",
      tag: "admin",
      scope: "read",
      query: z.object(shortListQuery),
      answers: { 200: ["All of them", pageResource(worker)] },
      handle: async ({ c, query }) => {
        const items = (await jobs.host.store.workers.list()).map(toWorker);
        return c.json(pageOf(items, ({ id }) => id, query));
      },
    }),
  ];
}
