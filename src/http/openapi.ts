/** `/openapi.json`, made once from the routes, and `/docs`, a page that reads without a network. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { hashText } from "../core/hash.ts";
import { VERSION } from "../core/version.ts";
import { unlessKnown } from "./condition.ts";
import { docsPage } from "./docs_page.ts";
import { onlyGet } from "./methods.ts";
import { prefixOf } from "./route.ts";

const info = {
  title: "Perdura",
  version: VERSION,
  description: "Durable jobs: every job is a persisted state machine in Postgres.",
  license: { name: "MIT", identifier: "MIT" },
};

const tags = [
  { name: "jobs", description: "Make jobs, find them, change them" },
  { name: "events", description: "What happens to one job, sent by operators and workers" },
  { name: "types", description: "One typed endpoint per registered handler" },
  { name: "limits", description: "What tenants, queues and types may do, and how much of it" },
  { name: "schedules", description: "What starts by the clock" },
  { name: "admin", description: "Many jobs at once" },
  { name: "access", description: "Keys, and what was done by them" },
  { name: "charts", description: "Statecharts, and what happens as it happens" },
  { name: "health", description: "For probes" },
];

/** The document of everything that is mounted on the app. */
function openApiDocument(app: OpenAPIHono, prefix: string) {
  app.openAPIRegistry.registerComponent("securitySchemes", "key", {
    type: "http",
    scheme: "bearer",
    description: "An API key, perdura_…; nothing at all where AUTH is none",
  });
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info,
    tags,
    servers: [{ url: prefix || "/" }],
    security: [{ key: [] }, {}],
  });
}

const report = z.object({
  status: z.string(),
  checks: z.record(z.string(), z.enum(["ok", "failed"])).optional(),
});

/** The health routes, which answer 503 with a report and not a problem. */
export function documentHealth(app: OpenAPIHono): void {
  const answer = (description: string) => ({
    description,
    content: { "application/json": { schema: report } },
  });
  const paths = {
    "/health": "Whether this process can do its work",
    "/health/ready": "The same",
    "/health/live": "Whether this process lives",
  };
  for (const [path, summary] of Object.entries(paths)) {
    app.openAPIRegistry.registerPath({
      method: "get",
      path,
      operationId: `get${path.replaceAll("/", "_")}`,
      summary,
      tags: ["health"],
      security: [],
      responses: { 200: answer("All is well"), 503: answer("A check failed") },
    });
  }
}

/** Serves document and page; both are made at their first request. */
export function mountDocument(app: OpenAPIHono): void {
  let document: { readonly json: string; readonly etag: string } | null = null;
  let html: string | null = null;
  app.get("/openapi.json", (c) => {
    document ??= tagged(
      JSON.stringify(openApiDocument(app, prefixOf(c.req.path, "/openapi.json"))),
    );
    const { json, etag } = document;
    const headers = { "content-type": "application/json", etag };
    return unlessKnown(c, etag, () => c.body(json, 200, headers));
  });
  app.get("/docs", (c) => {
    html ??= docsPage(openApiDocument(app, prefixOf(c.req.path, "/docs")));
    return c.html(html, 200, {
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    });
  });
  for (const path of ["/openapi.json", "/docs"]) app.all(path, onlyGet);
}

function tagged(json: string) {
  return { json, etag: `"${hashText(json)}"` };
}
