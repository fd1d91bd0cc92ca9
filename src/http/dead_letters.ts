/** The dead letters: one by one, or grouped by what they died of. */
import { z } from "@hono/zod-openapi";
import { MalformedError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { nameSchema } from "../core/forms.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { tenantOf, toResource } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import { jobResource, pageQuery, tenantQuery } from "./schemas.ts";

const query = z.object({
  ...tenantQuery,
  groupBy: z.enum(["fingerprint"]).optional(),
  fingerprint: z.string().max(64).optional(),
  type: nameSchema.optional(),
  queue: nameSchema.optional(),
  ...pageQuery,
});

const group = z.object({
  fingerprint: z.string(),
  count: z.int(),
  firstSeenAt: z.iso.datetime().nullable(),
  lastSeenAt: z.iso.datetime().nullable(),
  sample: z.object({
    jobId: z.uuid(),
    type: z.string(),
    queue: z.string(),
    name: z.string().nullable(),
    message: z.string().nullable(),
  }).nullable(),
}).openapi("ErrorGroup");

/** `/dead-letters` */
export function deadLetterRoutes(jobs: Jobs): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/dead-letters",
      summary: "A tenant's jobs that gave up, newest first; or, grouped, the kinds of their errors",
      tag: "jobs",
      scope: "read",
      query,
      answers: {
        200: [
          "One page: of groups with `groupBy`, otherwise of jobs",
          z.object({
            items: z.union([z.array(jobResource), z.array(group)]),
            nextCursor: z.string().nullable(),
          }),
        ],
      },
      handle: (call) => call.query.groupBy ? listGroups(call, jobs) : listLetters(call, jobs),
    }),
  ];
}

async function listLetters(call: Call<z.output<typeof query>>, jobs: Jobs): Promise<Response> {
  const { cursor = null, limit = limits.pageDefault, fingerprint, type, queue } = call.query;
  if (cursor !== null && !isUuid(cursor)) throw notOurs();
  const filter = {
    tenantId: tenantOf(call) ?? DEFAULT_TENANT,
    states: ["dead_letter"],
    type: type ?? null,
    queue: queue ?? null,
    fingerprint: fingerprint ?? null,
  } as const;
  const found = await jobs.page(filter, cursor, limit);
  return call.c.json({ ...found, items: found.items.map((job) => toResource(job, jobs)) });
}

/** The cursor is when the last group was seen, and its fingerprint. */
async function listGroups(call: Call<z.output<typeof query>>, jobs: Jobs): Promise<Response> {
  const { cursor, limit = limits.pageDefault, fingerprint, type, queue } = call.query;
  if (fingerprint !== undefined || type !== undefined || queue !== undefined) {
    throw new MalformedError("Groups are not filtered; leave groupBy out");
  }
  const [, place, after] = /^([\d:. +-]{1,40})~(\w*)$/.exec(cursor ?? "") ?? [];
  if (cursor !== undefined && (place === undefined || Number.isNaN(Date.parse(place)))) {
    throw notOurs();
  }
  const start = place === undefined ? null : { place, fingerprint: after ?? "" };
  const tenantId = tenantOf(call) ?? DEFAULT_TENANT;
  const groups = await jobs.host.store.operations.errorGroups(tenantId, start, limit);
  const last = groups.length === limit ? groups.at(-1) : undefined;
  return call.c.json({
    items: groups.map(({ place: _, ...rest }) => rest),
    nextCursor: last ? `${last.place}~${last.fingerprint}` : null,
  });
}

function notOurs(): MalformedError {
  return new MalformedError("cursor is not one of ours");
}
