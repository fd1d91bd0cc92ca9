/** The HTTP API: middleware, routes, and the one place where errors become responses. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context, Next } from "hono";
import { baseRoutePath, matchedRoutes } from "hono/route";
import { type ErrorCode, NotFoundError, PerduraError } from "../core/errors.ts";
import { Admin } from "../runtime/admin.ts";
import { Audit } from "../runtime/audit.ts";
import type { Actors } from "../runtime/actors.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { Files } from "../runtime/files.ts";
import { Keys } from "../runtime/keys.ts";
import { Batches } from "../runtime/batches.ts";
import { BreakerDesk } from "../runtime/breakers.ts";
import { Schedules } from "../runtime/schedules.ts";
import { Limiting } from "../runtime/limiting.ts";
import { Ordering } from "../runtime/ordering.ts";
import { allowAll, demand, type Permit } from "./access.ts";
import { actorRoutes } from "./actors.ts";
import { actorControlRoutes } from "./actor_controls.ts";
import { actorEmitRoutes } from "./actor_emits.ts";
import { batchRoutes } from "./batches.ts";
import { breakerRoutes } from "./breakers.ts";
import { adminRoutes, tenantRoutes } from "./admin.ts";
import { fileRoutes } from "./files.ts";
import { auditRoutes } from "./audit.ts";
import { keyRoutes } from "./keys.ts";
import { healthRoutes } from "./health.ts";
import { envelope } from "./envelope.ts";
import { eventRoutes, verbRoutes } from "./job_events.ts";
import { readRoutes } from "./job_reads.ts";
import { GatePace } from "./gate_pace.ts";
import { limitRoutes } from "./limits.ts";
import { orderingRoutes } from "./ordering.ts";
import { cutStreams } from "./lasting.ts";
import { createRoutes, listRoutes, oneJobRoutes } from "./jobs.ts";
import { deadLetterRoutes } from "./dead_letters.ts";
import { documentHealth, mountDocument } from "./openapi.ts";
import { type Operating, operatingRoutes } from "./operating.ts";
import { JobLogs } from "../runtime/job_logs.ts";
import { logRoutes } from "./job_logs.ts";
import { scheduleRoutes } from "./schedules.ts";
import { problemResponse } from "./problem.ts";
import { operationRoutes } from "./operations.ts";
import { retentionRoutes } from "./retention.ts";
import { KnownPaths } from "./router.ts";
import type { Patience } from "./patience.ts";
import { mountRoutes, type Route } from "./route.ts";
import { searchRoutes } from "./search.ts";
import { workerRoutes } from "./workers.ts";
import { typeRoutes, unknownType } from "./types.ts";

/** What the API serves. */
export interface AppHost {
  readonly jobs: Jobs;
  /** Without it there are no actors here. */
  readonly actors?: Actors;
  /** What operators may ask of this process. */
  readonly operating?: Operating;
  /** True when the database takes writes. */
  readonly isWritable: () => Promise<boolean>;
  /** Who may do what; without it everybody may do everything. */
  readonly permit?: Permit;
  /** Answer only to names of the loopback: for an API without keys that has a port of its own. */
  readonly isLoopbackOnly?: boolean;
  /** Frame answers so that the server sends each in one write: for the server of Deno, see `envelope.ts`. */
  readonly inOneWrite?: boolean;
  /** For bodies that come slowly. */
  readonly patience?: Patience;
  /** Told of each request that is answered with a problem. */
  readonly onRefusal?: (refusal: Refusal) => void;
}

/** A request that was answered with a problem. */
export interface Refusal {
  readonly method: string;
  readonly path: string;
  readonly code: ErrorCode;
}

/**
 * Builds the API. `app.fetch` is a handler for any server with the fetch interface.
 *
 * A `Runtime` is a host: `createApp(perdura)`, or `createApp({ jobs, actors, isWritable, … })`.
 */
export function createApp(host: AppHost): OpenAPIHono {
  const app = new OpenAPIHono({ router: new KnownPaths() });
  app.use(envelope({
    isLoopbackOnly: host.isLoopbackOnly ?? false,
    inOneWrite: host.inOneWrite ?? false,
    patience: host.patience,
  }));
  // Called on its object: a runtime is a host as it is.
  const write = () => host.isWritable();
  app.route("/", healthRoutes({ database: () => write().then(() => true), write }));
  documentHealth(app);
  const permit = host.permit ?? allowAll;
  if (host.permit) app.use(cutStreams(host.permit));
  const { store } = host.jobs.host;
  mountRoutes(app, routesOf(host), {
    permit,
    audit: new Audit(store.audit),
    within: (tenantId, work) => store.within(tenantId, work),
  });
  app.post("/types/:type/jobs", async (c) => {
    // Which types there are is for those who may send some.
    demand(await permit(c), "enqueue");
    return unknownType(host.jobs, c.req.param("type"));
  });
  mountDocument(app);
  app.all("/*", ofNobody);
  app.notFound((c) => problemResponse(c, new NotFoundError("route", c.req.path)));
  app.onError((error, c) => {
    const code = error instanceof PerduraError ? error.code : "internal";
    host.onRefusal?.({ method: c.req.method, path: c.req.path, code });
    return problemResponse(c, error);
  });
  return app;
}

/**
 * Inside another app, `notFound` is that app's: below a prefix, where everything is ours unless it has
 * routes of its own there too, what we do not have is a problem all the same.
 */
function ofNobody(c: Context, next: Next): Promise<void> {
  const isOurs = baseRoutePath(c) !== "/" && matchedRoutes(c).length === c.req.routeIndex + 1;
  if (isOurs) throw new NotFoundError("route", c.req.path);
  return next();
}

/** Every route that the table declares. */
export function routesOf(
  { jobs, actors, operating = {} }: Pick<AppHost, "jobs" | "actors" | "operating">,
): Route[] {
  const admin = new Admin(jobs);
  const pace = new GatePace();
  return [
    ...createRoutes(jobs),
    ...listRoutes(jobs),
    ...searchRoutes(),
    ...workerRoutes(jobs),
    ...retentionRoutes(jobs),
    ...deadLetterRoutes(jobs),
    ...oneJobRoutes(jobs),
    ...readRoutes(jobs),
    ...eventRoutes(jobs),
    ...verbRoutes(jobs),
    ...typeRoutes(jobs),
    ...adminRoutes(jobs, admin),
    ...tenantRoutes(admin),
    ...operationRoutes(admin.operations, jobs),
    ...batchRoutes(new Batches(jobs.host)),
    ...limitRoutes(new Limiting(jobs.host), pace),
    ...logRoutes(new JobLogs(jobs)),
    ...scheduleRoutes(new Schedules({ ...jobs.host, actors: actors ?? null })),
    ...fileRoutes(new Files(jobs.host.store.files)),
    ...keyRoutes(new Keys(jobs.host.store.keys)),
    ...auditRoutes(new Audit(jobs.host.store.audit)),
    ...operatingRoutes(operating),
    ...(actors
      ? [...actorRoutes(actors), ...actorControlRoutes(actors), ...actorEmitRoutes(actors)]
      : []),
    ...breakerRoutes(new BreakerDesk(jobs.host.store), pace),
    ...orderingRoutes(new Ordering(jobs.host.store)),
  ];
}
