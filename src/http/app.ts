/** The HTTP API: middleware, routes, and the one place where errors become responses. */
import { Hono } from "hono";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { NotFoundError } from "../core/errors.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { healthRoutes } from "./health.ts";
import { jobRoutes } from "./jobs.ts";
import { problemResponse } from "./problem.ts";

/** What the API serves. */
export interface AppHost {
  readonly jobs: Jobs;
  /** True when the database takes writes. */
  readonly isWritable: () => Promise<boolean>;
}

/** Builds the API. `app.fetch` is a handler for any server with the fetch interface. */
export function createApp(host: AppHost): Hono {
  const app = new Hono();
  app.use(requestId());
  // On every answer: a response that a route made by itself lacks what was set before it.
  app.use(async (c, next) => {
    await next();
    c.res.headers.set("x-request-id", c.get("requestId"));
  });
  // Transport security is the business of whoever terminates TLS.
  app.use(secureHeaders({ strictTransportSecurity: false }));
  const database = () => host.isWritable().then(() => true);
  app.route("/", healthRoutes({ database, write: host.isWritable }));
  app.route("/", jobRoutes(host.jobs));
  app.notFound((c) => problemResponse(c, new NotFoundError("route", c.req.path)));
  app.onError((error, c) => problemResponse(c, error));
  return app;
}
