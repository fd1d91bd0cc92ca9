/** `/metrics`, and `POST /drive`: for scrapers and schedulers, each with a scope of its own. */
import { z } from "@hono/zod-openapi";
import { ForbiddenError, RateLimitedError } from "../core/errors.ts";
import { DRIVE_MS_MAX, DRIVE_MS_MIN, type Driven, type DriveOptions } from "../runtime/drive.ts";
import { nameSchema } from "../core/forms.ts";
import { check, readOptionalJson } from "./request.ts";
import { SMALL_BYTES_MAX } from "./resource.ts";
import { type Call, defineRoute, type Route } from "./route.ts";

/** What a process offers to those who operate it; what is left out, it does not serve. */
export interface Operating {
  /** Answers a scrape. */
  readonly metrics?: () => Promise<Response>;
  /** Runs one bounded slice of work here. */
  readonly drive?: (options: DriveOptions) => Promise<Driven>;
}

/** Slices at once: each has handlers of its own, and more of them would only share the processor. */
const SLICES_MAX = 4;

const driveSchema = z.strictObject({
  budgetMs: z.int().min(DRIVE_MS_MIN).max(DRIVE_MS_MAX).optional(),
  maxJobs: z.int().min(1).max(1_000_000).optional(),
  types: z.array(nameSchema).min(1).max(1_000).optional(),
});

const driven = z.object({
  ran: z.int(),
  turns: z.int(),
  nextWakeAt: z.iso.datetime().nullable(),
  more: z.boolean(),
}).openapi("Driven");

/** Those that this process offers. */
export function operatingRoutes({ metrics, drive }: Operating): Route[] {
  return [...(metrics ? [metricsRoute(metrics)] : []), ...(drive ? [driveRoute(drive)] : [])];
}

function metricsRoute(respond: () => Promise<Response>): Route {
  return defineRoute({
    method: "get",
    path: "/metrics",
    summary: "Numbers of this process and of the database, in the text format of Prometheus",
    tag: "admin",
    scope: "metrics",
    query: z.object({}),
    answers: { 200: ["The metrics of docs/metrics.md", null] },
    handle: (call) => {
      demandAll(call);
      return respond();
    },
  });
}

function driveRoute(drive: (options: DriveOptions) => Promise<Driven>): Route {
  let slices = 0;
  return defineRoute({
    method: "post",
    path: "/drive",
    summary: "Run one bounded slice of work: sweep, claim, run, turn; and say when to come back",
    tag: "admin",
    scope: "drive",
    query: z.object({}),
    body: { "application/json": { schema: driveSchema } },
    bodyIsOptional: true,
    answers: { 200: ["What was done", driven] },
    codes: ["payload_too_large", "unsupported_media_type", "invalid_input", "rate_limited"],
    handle: async (call) => {
      demandAll(call);
      const given = check(driveSchema, await readOptionalJson(call.c, SMALL_BYTES_MAX));
      if (slices >= SLICES_MAX) throw new RateLimitedError("Enough slices are under way", 1_000);
      slices++;
      try {
        const options = Object.entries(given).filter(([, value]) => value !== undefined);
        return call.c.json(await drive(Object.fromEntries(options)));
      } finally {
        slices--;
      }
    },
  });
}

/** Both are about the jobs of all tenants. */
function demandAll({ permission }: Call<unknown>): void {
  if (permission.tenantId !== null) throw new ForbiddenError("This needs a key without a tenant");
}
