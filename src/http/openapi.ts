/** `/openapi.json`, made once from the routes, and `/docs`, a page that reads without a network. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import { docsPage } from "./docs_page.ts";

const info = {
  title: "Perdura",
  version: "0.1.0",
  description: "Durable jobs: every job is a persisted state machine in Postgres.",
  license: { name: "MIT", identifier: "MIT" },
};

const tags = [
  { name: "jobs", description: "Make jobs, find them, change them" },
  { name: "events", description: "What happens to one job, sent by operators and workers" },
  { name: "types", description: "One typed endpoint per registered handler" },
  { name: "admin", description: "Many jobs at once" },
];

/** The document of everything that is mounted on the app. */
export function openApiDocument(app: OpenAPIHono) {
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info,
    tags,
    servers: [{ url: "/" }],
    security: [],
  });
}

/** Serves document and page; both are made at their first request. */
export function mountDocument(app: OpenAPIHono): void {
  let json: string | null = null;
  let html: string | null = null;
  app.get("/openapi.json", (c) => {
    json ??= JSON.stringify(openApiDocument(app));
    return c.body(json, 200, { "content-type": "application/json" });
  });
  app.get("/docs", (c) => {
    html ??= docsPage(openApiDocument(app));
    return c.html(html, 200, {
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    });
  });
}
