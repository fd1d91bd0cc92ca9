/** The routes of jobs. They translate; they decide nothing. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import {
  ForbiddenError,
  InvalidInputError,
  MalformedError,
  TransitionRejectedError,
} from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import { DEFAULT_TENANT, instantSchema, type Job, nameSchema } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { acceptedEvents } from "../core/lifecycle.ts";
import { JOB_EVENTS, JOB_STATES, type JobEvent, type JobEventType } from "../../machines/job.ts";
import { accepts, type Jobs, operatorEvents } from "../runtime/jobs.ts";
import {
  allowQuery,
  check,
  parseJson,
  readId,
  readIfMatch,
  readJson,
  readLimit,
  readStorableJson,
  readText,
  readWhole,
} from "./request.ts";

/** One job with room for its envelope. */
const JOB_BYTES_MAX = limits.payloadBytesMax + 64 * 1024;
const EVENT_BYTES_MAX = 64 * 1024;

const batchSchema = z.strictObject({
  jobs: z.array(z.unknown()).min(1).max(limits.batchJobsMax),
});

const LIST_QUERY = ["tenantId", "state", "type", "queue", "cursor", "limit"];
const listSchema = z.object({
  states: z.array(z.enum(JOB_STATES)).nullable(),
  type: nameSchema.nullable(),
  queue: nameSchema.nullable(),
});

const delayMs = z.int().min(0).max(limits.delayMsMax);
const scheduleSchema = z.strictObject({
  type: z.literal("SCHEDULE"),
  runAt: instantSchema.optional(),
  delayMs: delayMs.optional(),
}).refine((event) => (event.runAt === undefined) !== (event.delayMs === undefined), {
  path: ["runAt"],
  message: "Give either runAt or delayMs",
});
const cancelSchema = z.strictObject({
  type: z.literal("CANCEL"),
  reason: z.string().min(1).max(500).optional(),
});
const bareSchema = z.strictObject({ type: z.enum(["REQUEUE", "RETRY_NOW"]) });

/** `/jobs` and `/admin/metrics`. */
export function jobRoutes(jobs: Jobs): Hono {
  const ofTenant = allowQuery("tenantId");
  const paged = allowQuery("tenantId", "cursor", "limit");
  return new Hono()
    .post("/jobs", ofTenant, (c) => createJob(c, jobs))
    .get("/jobs", allowQuery(...LIST_QUERY), (c) => listJobs(c, jobs))
    .post("/jobs/batch", ofTenant, (c) => createBatch(c, jobs))
    .get("/jobs/:id", ofTenant, async (c) => {
      const job = await jobs.get(tenantOf(c), readId(c));
      return c.json(toResource(job), 200, { etag: etagOf(job) });
    })
    .get("/jobs/:id/transitions", paged, (c) => listTransitions(c, jobs))
    .post("/jobs/:id/events", ofTenant, (c) => sendEvent(c, jobs))
    .get("/admin/metrics", ofTenant, (c) => readMetrics(c, jobs));
}

async function createJob(c: Context, jobs: Jobs): Promise<Response> {
  const input = withTenant(await readJson(c, JOB_BYTES_MAX), tenantOf(c));
  const { id, created, differs } = await jobs.enqueueUnchecked(input);
  const job = await jobs.get(null, id);
  return c.json(toResource(job), created ? 201 : 200, {
    etag: etagOf(job),
    location: `/jobs/${id}`,
    ...(differs ? { "idempotency-payload": "differs" } : {}),
  });
}

async function listJobs(c: Context, jobs: Jobs): Promise<Response> {
  const limit = readLimit(c);
  const filter = check(listSchema, {
    states: c.req.queries("state")?.flatMap((value) => value.split(",")) ?? null,
    type: c.req.query("type") ?? null,
    queue: c.req.query("queue") ?? null,
  });
  const cursor = c.req.query("cursor") ?? null;
  if (cursor !== null && !isUuid(cursor)) throw new MalformedError("cursor is not one of ours");
  const tenantId = tenantOf(c) ?? DEFAULT_TENANT;
  const items = await jobs.list({ ...filter, tenantId }, cursor, limit);
  const last = items.length === limit ? items.at(-1) : undefined;
  return c.json({ items: items.map(toResource), nextCursor: last?.id ?? null });
}

async function createBatch(c: Context, jobs: Jobs): Promise<Response> {
  const types = ["application/json", "application/x-ndjson"];
  const text = await readText(c, types, limits.batchBytesMax);
  const isLines = /^application\/x-ndjson\b/i.test(c.req.header("content-type") ?? "");
  const body = isLines ? { jobs: parseLines(text) } : parseJson(text, "Body");
  const tenantId = tenantOf(c);
  const inputs = check(batchSchema, body).jobs.map((job, index) =>
    withTenant(job, tenantId, `jobs.${index}.tenantId`)
  );
  const inserted = await jobs.enqueueMany(inputs);
  return c.json({
    ids: inserted.map((job) => job.id),
    created: inserted.map((job) => job.created),
  }, 201);
}

async function listTransitions(c: Context, jobs: Jobs): Promise<Response> {
  const limit = readLimit(c);
  const after = readWhole(c, "cursor", 0, 0, 2 ** 31 - 1);
  const items = await jobs.history(tenantOf(c), readId(c), after, limit);
  const last = items.length === limit ? items.at(-1) : undefined;
  return c.json({ items, nextCursor: last ? String(last.version) : null });
}

async function sendEvent(c: Context, jobs: Jobs): Promise<Response> {
  const id = readId(c);
  const ifVersion = readIfMatch(c);
  const tenantId = tenantOf(c);
  const { event, cause } = await readEvent(c, jobs, id, tenantId);
  const { job, isPending } = await jobs.send(id, event, { tenantId, ifVersion, cause });
  return c.json(toResource(job), isPending ? 202 : 200, { etag: etagOf(job) });
}

async function readMetrics(c: Context, jobs: Jobs): Promise<Response> {
  const states = Object.fromEntries(JOB_STATES.map((state) => [state, 0]));
  const queues: Record<string, Record<string, number>> = {};
  for (const { queue, state, count } of await jobs.counts(tenantOf(c))) {
    states[state] = (states[state] ?? 0) + count;
    const ofQueue = queues[queue] ??= Object.fromEntries(JOB_STATES.map((s) => [s, 0]));
    ofQueue[state] = (ofQueue[state] ?? 0) + count;
  }
  return c.json({ states, queues });
}

/** The event of the body. The state is checked before the scope: 409 comes before 403. */
async function readEvent(
  c: Context,
  jobs: Jobs,
  id: string,
  tenantId: string | null,
): Promise<{ event: JobEvent; cause: string }> {
  const body = await readStorableJson(c, EVENT_BYTES_MAX);
  const { type } = check(z.looseObject({ type: z.enum(JOB_EVENTS) }), body);
  if (!operatorEvents.includes(type)) await refuseWorkerEvent(jobs, tenantId, id, type);
  if (type === "SCHEDULE") {
    const { runAt, delayMs } = check(scheduleSchema, body);
    const when = runAt === undefined ? { delayMs: delayMs ?? 0 } : { runAt };
    return { event: { type, when }, cause: "api" };
  }
  if (type === "CANCEL") {
    const { reason } = check(cancelSchema, body);
    return { event: { type }, cause: reason ?? "api" };
  }
  return { event: check(bareSchema, body), cause: "api" };
}

async function refuseWorkerEvent(
  jobs: Jobs,
  tenantId: string | null,
  id: string,
  type: JobEventType,
): Promise<never> {
  const job = await jobs.get(tenantId, id);
  if (!acceptedEvents(job.state).includes(type)) {
    throw new TransitionRejectedError(job.state, job.version, type, accepts(job.state));
  }
  throw new ForbiddenError(`${type} belongs to workers and sweepers`);
}

/** Under AUTH=none the tenant is what the query names; null: any. */
function tenantOf(c: Context): string | null {
  const given = c.req.query("tenantId");
  if (given === undefined) return null;
  if (!nameSchema.safeParse(given).success) {
    throw new MalformedError("tenantId of the query is not a tenant");
  }
  return given;
}

/** A tenant of the query is the body's, unless the body names another. */
function withTenant(input: unknown, tenantId: string | null, path = "tenantId"): unknown {
  if (tenantId === null || typeof input !== "object" || input === null) return input;
  if (Array.isArray(input)) return input;
  if ("tenantId" in input && input.tenantId !== tenantId) {
    throw new InvalidInputError([{ path, message: "Differs from the query's" }]);
  }
  return { ...input, tenantId };
}

function parseLines(text: string): unknown[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line, index) => parseJson(line, `Line ${index + 1}`));
}

function toResource(job: Job) {
  return { ...job, accepts: accepts(job.state) };
}

function etagOf(job: Job): string {
  return `"${job.version}"`;
}
