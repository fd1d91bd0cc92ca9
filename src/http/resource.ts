/** What routes of jobs share: the tenant of a call, the job as it is given, its headers. */
import type { Context } from "hono";
import { ForbiddenError, InvalidInputError } from "../core/errors.ts";
import type { Job } from "../core/job.ts";
import { accepts, type Jobs } from "../runtime/jobs.ts";
import { tagOf } from "./condition.ts";
import { json } from "./envelope.ts";
import type { Call } from "./route.ts";

/** One job with room for its envelope, bytes. */
export const JOB_BYTES_MAX = 1024 * 1024 + 64 * 1024;
/** The body of an operator's request, bytes. */
export const SMALL_BYTES_MAX = 64 * 1024;

/**
 * The job as clients see it. The lease id is the runner's own, and what the schemas of its type mark
 * as sensitive stays hidden.
 */
export function toResource(job: Job, { host }: Pick<Jobs, "host">) {
  const { payloadRedactor, outputRedactor } = host.handlers.get(job.type) ?? {};
  const whole = toWholeResource(job);
  if (!payloadRedactor && !outputRedactor) return whole;
  return {
    ...whole,
    payload: payloadRedactor ? payloadRedactor.hide(job.payload) : job.payload,
    output: outputRedactor ? outputRedactor.hide(job.output) : job.output,
  };
}

/** The same with nothing hidden: for who runs it. */
export function toWholeResource(job: Job) {
  // Undefined is left out of JSON, and a copy without the key costs ten times as much.
  return { ...job, leaseId: undefined, accepts: accepts(job.state) };
}

/** The ETag under which a job stays as it is; null: it runs, and lease and progress change beside its version. */
export function lastingTag(job: Job): string | null {
  return job.state === "running" ? null : tagOf(job);
}

/** Answers with a job; its version is the ETag. */
export function respondWithJob(
  c: Context,
  jobs: Pick<Jobs, "host">,
  job: Job,
  status: 200 | 201 | 202,
  headers: Record<string, string> = {},
  more: Readonly<Record<string, unknown>> | null = null,
): Response {
  const shown = toResource(job, jobs);
  return json(c, more ? { ...shown, ...more } : shown, status, {
    etag: tagOf(job),
    ...headers,
  });
}

/** The same to whoever runs the job. */
export function respondWithWholeJob(c: Context, job: Job): Response {
  const headers = { etag: tagOf(job), "cache-control": "no-store" };
  return json(c, toWholeResource(job), 200, headers);
}

/** The tenant of the credential, or else of the query; null: any. */
export function tenantOf(
  { query, permission }: Call<{ tenantId?: string | undefined }>,
): string | null {
  const named = query.tenantId ?? null;
  if (permission.tenantId === null) return named;
  if (named !== null && named !== permission.tenantId) {
    throw new ForbiddenError("This credential belongs to another tenant");
  }
  return permission.tenantId;
}

/** A tenant of the query is the body's, unless the body names another. */
export function withTenant(input: unknown, tenantId: string | null, path = "tenantId"): unknown {
  if (tenantId === null || typeof input !== "object" || input === null) return input;
  if (Array.isArray(input)) return input;
  if ("tenantId" in input && input.tenantId !== tenantId) {
    throw new InvalidInputError([{ path, message: "Differs from the tenant of the request" }]);
  }
  return { ...input, tenantId };
}
