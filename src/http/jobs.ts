/** The routes of jobs: make them, find them, change them. They translate; they decide nothing. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { MalformedError, NotFoundError, UnavailableError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { nameSchema } from "../core/forms.ts";
import { DEFAULT_TENANT, jobPatchSchema, newJobSchema } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { readJobQuery } from "../core/job_search.ts";
import { isText } from "../core/term.ts";
import { isTerminal } from "../core/lifecycle.ts";
import type { Created, Jobs } from "../runtime/jobs.ts";
import { boundsOf, narrowed, veilOf } from "../runtime/searching.ts";
import { demand } from "./access.ts";
import { unlessKnown } from "./condition.ts";
import { check, parseJson, readId, readIfMatch, readStorableJson, readText } from "./request.ts";
import {
  JOB_BYTES_MAX,
  lastingTag,
  respondWithJob,
  respondWithWholeJob,
  tenantOf,
  toResource,
  withTenant,
} from "./resource.ts";
import { demandNoKey, readNewJob } from "./new_job.ts";
import { readSearch } from "./search.ts";
import { type Call, defineRoute, type Route } from "./route.ts";
import {
  createdResource,
  flagText,
  jobResource,
  pageQuery,
  pageResource,
  statesText,
  tenantQuery,
  waitText,
  wholeText,
} from "./schemas.ts";

const createQuery = z.object({ ...tenantQuery, wait: waitText.optional() });
const batchSchema = z.strictObject({
  jobs: z.array(z.unknown()).min(1).max(limits.batchJobsMax),
});
const listQuery = z.object({
  ...tenantQuery,
  state: statesText.optional(),
  type: nameSchema.optional(),
  queue: nameSchema.optional(),
  tag: z.string().min(1).max(limits.tagLengthMax).optional(),
  idempotencyKey: z.string().min(1).max(limits.keyLengthMax).optional(),
  q: z.string().min(1).max(limits.queryLengthMax).optional(),
  ...pageQuery,
});
const offsetQuery = z.object({
  limit: wholeText(1, limits.pageMax).optional(),
  offset: wholeText(0, limits.offsetMax).optional(),
});
const ofTenant = z.object(tenantQuery);
const made = {
  200: ["The job that has the key, or, with `wait`, the finished job", createdResource],
  201: ["Stored", createdResource],
  202: ["Stored; not finished within `wait`", createdResource],
} as const;

/** Routes that make jobs. */
export function createRoutes(jobs: Jobs): Route[] {
  return [
    defineRoute({
      method: "post",
      path: "/jobs",
      summary: "Store a job; with `wait`, wait for its end",
      tag: "jobs",
      scope: "enqueue",
      query: createQuery,
      idempotencyKey: true,
      body: { "application/json": { schema: newJobSchema } },
      answers: made,
      codes: [
        "idempotency_conflict",
        "payload_too_large",
        "unsupported_media_type",
        "invalid_input",
        "unknown_type",
        "rate_limited",
      ],
      handle: async (call) => {
        const input = await readNewJob(call);
        return await respondWithCreated(call, jobs, await jobs.create(input));
      },
    }),
    defineRoute({
      method: "post",
      path: "/jobs/batch",
      summary: "Store many jobs, all or none",
      tag: "jobs",
      scope: "enqueue",
      query: ofTenant,
      body: {
        "application/json": {
          schema: z.strictObject({
            jobs: z.array(newJobSchema).min(1).max(limits.batchJobsMax),
          }),
        },
        "application/x-ndjson": { schema: z.string() },
      },
      answers: {
        201: [
          "Ids in order, and which of them are new",
          z.object({ ids: z.array(z.uuid()), created: z.array(z.boolean()) }),
        ],
      },
      codes: [
        "payload_too_large",
        "unsupported_media_type",
        "invalid_input",
        "unknown_type",
        "rate_limited",
      ],
      handle: async (call) => {
        demandNoKey(call.c);
        const inserted = await jobs.enqueueMany(await readBatch(call.c, tenantOf(call)));
        const ids = inserted.map((job) => job.id);
        return call.c.json({ ids, created: inserted.map((job) => job.created) }, 201);
      },
    }),
  ];
}

/** Answers a creation; with `?wait=`, when the job has ended, the time is over, or the database away. */
export async function respondWithCreated(
  { c, query, prefix }: Call<{ wait?: number | undefined }>,
  jobs: Jobs,
  { job, created, differs, unique }: Created,
): Promise<Response> {
  const headers = {
    location: `${prefix}/jobs/${job.id}`,
    ...(differs ? { "idempotency-payload": "differs" } : {}),
    ...(unique ? { unique } : {}),
  };
  const told = unique ? { unique: { outcome: unique, survivor: job.id } } : null;
  if (query.wait === undefined) {
    return respondWithJob(c, jobs, job, created ? 201 : 200, headers, told);
  }
  const later = await jobs.wait(job.tenantId, job.id, query.wait).catch((error) => {
    // It is stored: who is told that nobody can look at it now as a failure sends it again.
    if (!(error instanceof UnavailableError)) throw error;
    return job;
  });
  return respondWithJob(c, jobs, later, isTerminal(later.state) ? 200 : 202, headers, told);
}

/** Routes that find jobs. */
export function listRoutes(jobs: Jobs): Route[] {
  return [
    defineRoute({
      method: "get",
      path: "/jobs",
      summary: "A tenant's jobs, newest first; a filtered page may be short, or empty, and go on",
      tag: "jobs",
      scope: "read",
      query: listQuery,
      answers: { 200: ["One page", pageResource(jobResource)] },
      handle: (call) => listJobs(call, jobs),
    }),
    defineRoute({
      method: "get",
      path: "/tenants/{tenantId}/jobs",
      summary: "A tenant's jobs by offset, newest first",
      tag: "jobs",
      scope: "read",
      query: offsetQuery,
      answers: {
        200: [
          "One page",
          z.object({
            items: z.array(jobResource),
            limit: z.int(),
            offset: z.int(),
            total: z.int(),
          }),
        ],
      },
      handle: async (call) => {
        const { c, query: { limit = limits.pageDefault, offset = 0 } } = call;
        const tenantId = readTenant(c.req.param("tenantId") ?? "");
        const own = call.permission.tenantId;
        if (own !== null && own !== tenantId) throw new NotFoundError("tenant", tenantId);
        const { items, total } = await jobs.pageAt(tenantId, offset, limit);
        return c.json({ items: items.map((job) => toResource(job, jobs)), limit, offset, total });
      },
    }),
  ];
}

/** Routes of one job: itself, changed, gone. */
export function oneJobRoutes(jobs: Jobs): Route[] {
  const shared = { tag: "jobs", query: ofTenant } as const;
  return [
    defineRoute({
      ...shared,
      method: "get",
      path: "/jobs/{id}",
      summary:
        "One job; its version is the ETag. `reveal` (scope worker): with what is marked sensitive",
      scope: "read",
      query: z.object({ ...tenantQuery, reveal: flagText.optional() }),
      audit: "job.reveal",
      ifNoneMatch: true,
      answers: { 200: ["The job", jobResource] },
      codes: ["not_found"],
      handle: async (call) => {
        // Who may run the job sees what it runs with; asking is an action of its own.
        if (call.query.reveal) demand(call.permission, "worker");
        const job = await jobs.get(tenantOf(call), readId(call.c));
        call.note(call.query.reveal ? { tenantId: job.tenantId, version: job.version } : null);
        if (call.query.reveal) return respondWithWholeJob(call.c, job);
        return unlessKnown(call.c, lastingTag(job), () => respondWithJob(call.c, jobs, job, 200));
      },
    }),
    defineRoute({
      ...shared,
      method: "patch",
      path: "/jobs/{id}",
      summary: "Change a waiting job; in its history this is a SCHEDULE",
      audit: "job.edit",
      scope: "operate",
      ifMatch: true,
      body: { "application/json": { schema: jobPatchSchema } },
      answers: { 200: ["The changed job", jobResource] },
      codes: [
        "not_found",
        "transition_rejected",
        "payload_too_large",
        "unsupported_media_type",
        "invalid_input",
        "rate_limited",
      ],
      handle: async (call) => {
        const [id, aim] = [readId(call.c), aimOf(call)];
        const patch = check(jobPatchSchema, await readStorableJson(call.c, JOB_BYTES_MAX));
        const job = await jobs.edit(id, patch, aim);
        const detail = { changed: Object.keys(patch) };
        call.note({ tenantId: job.tenantId, version: job.version - 1, detail });
        return respondWithJob(call.c, jobs, job, 200);
      },
    }),
    defineRoute({
      ...shared,
      method: "delete",
      path: "/jobs/{id}",
      summary: "Delete an ended job",
      audit: "job.delete",
      scope: "operate",
      ifMatch: true,
      answers: { 204: ["Deleted", null] },
      codes: ["not_found", "transition_rejected"],
      handle: async (call) => {
        const { tenantId, version } = await jobs.remove(readId(call.c), aimOf(call));
        call.note({ tenantId, version });
        return call.c.body(null, 204);
      },
    }),
  ];
}

/** The tenant and the version that a call is about. */
export function aimOf(call: Call<{ tenantId?: string | undefined }>) {
  return { tenantId: tenantOf(call), ifVersion: readIfMatch(call.c) };
}

async function readBatch(c: Context, tenantId: string | null): Promise<unknown[]> {
  const types = ["application/json", "application/x-ndjson"];
  const text = await readText(c, types, limits.batchBytesMax);
  const isLines = /^application\/x-ndjson\b/i.test(c.req.header("content-type") ?? "");
  const body = isLines ? { jobs: parseLines(text) } : parseJson(text, "Body");
  return check(batchSchema, body).jobs.map((job, index) =>
    withTenant(job, tenantId, `jobs.${index}.tenantId`)
  );
}

function parseLines(text: string): unknown[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line, index) => parseJson(line, `Line ${index + 1}`));
}

async function listJobs(call: Call<z.output<typeof listQuery>>, jobs: Jobs): Promise<Response> {
  const { query } = call;
  const filter = {
    states: query.state ?? null,
    type: query.type ?? null,
    queue: query.queue ?? null,
  };
  const cursor = query.cursor ?? null;
  if (cursor !== null && !isUuid(cursor)) throw new MalformedError("cursor is not one of ours");
  const read = readSearch(
    call,
    jobs.host.clock.now(),
    (q, now) => readJobQuery(q, now, veilOf(jobs.host.handlers)),
  );
  const tenantId = read.tenantId ?? DEFAULT_TENANT;
  const terms = query.tag === undefined ? [] : [isText("tag", query.tag)];
  const wanted = narrowed({ ...filter, tenantId, terms }, read.search);
  if (query.q !== undefined && isUuid(query.q)) return await listOne(call, jobs, tenantId, query.q);
  const { items, nextCursor } = query.idempotencyKey === undefined
    ? await jobs.page(
      wanted,
      sooner(cursor, boundsOf(read.search).before),
      query.limit ?? limits.pageDefault,
    )
    : await jobs.pageOfKey(wanted, query.idempotencyKey);
  return call.c.json({ items: items.map((job) => toResource(job, jobs)), nextCursor });
}

function sooner(a: string | null, b: string | null): string | null {
  return a === null || (b !== null && b < a) ? b : a;
}

/** An id as the text of a search: that one job. */
async function listOne(
  { c }: Call<unknown>,
  jobs: Jobs,
  tenantId: string,
  id: string,
): Promise<Response> {
  const job = await jobs.get(tenantId, id).catch((error) => {
    if (error instanceof NotFoundError) return null;
    throw error;
  });
  return c.json({ items: job ? [toResource(job, jobs)] : [], nextCursor: null });
}

function readTenant(text: string): string {
  if (!nameSchema.safeParse(text).success) throw new MalformedError("This is not a tenant's name");
  return text;
}
