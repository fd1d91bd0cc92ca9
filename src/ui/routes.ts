/** The pages, the charts and the stream. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { AnyStateMachine } from "xstate";
import { MalformedError, MethodNotAllowedError, NotFoundError } from "../core/errors.ts";
import { isUuid } from "../core/id.ts";
import type { Jobs } from "../runtime/jobs.ts";
import { drawChart } from "./charts.ts";
import { documentUi } from "./document.ts";
import { files, shell } from "./files.ts";
import type { Stream } from "./stream.ts";

/** What the pages need. */
export interface UiHost {
  readonly jobs: Jobs;
  /** Of the same jobs; whoever made it closes it. */
  readonly stream: Stream;
  /** Machines by name. */
  readonly machines: ReadonlyMap<string, AnyStateMachine>;
  /** Who reads, and of which tenant (null: any). @throws {PerduraError} Nobody who may. */
  readonly admit: (c: Context) => Promise<{ readonly tenantId: string | null }>;
}

/** Nothing from elsewhere, nothing inline. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `/ui/…`, `/machines`, `/stream`. */
export function uiRoutes(host: UiHost): OpenAPIHono {
  const app = new OpenAPIHono();
  documentUi(app);
  app.get("/", (c) => c.redirect("/ui/"))
    .get("/ui", (c) => c.redirect(new URL("ui/", new URL(c.req.url)).pathname))
    .get("/ui/assets/:name", (c) => asset(c))
    .get("/ui/*", (c) => c.html(shell, 200, { "content-security-policy": POLICY }))
    .get("/machines", async (c) => {
      await host.admit(c);
      const items = await Promise.all([...host.machines].map(summaryOf));
      return c.json({ items, nextCursor: null });
    })
    .get("/machines/:id", async (c) => {
      await host.admit(c);
      const { chart, hash } = await drawChart(machineOf(host, c));
      return c.json({ id: c.req.param("id"), hash, ...chart });
    })
    .get("/machines/:id/chart.svg", async (c) => {
      await host.admit(c);
      return await chartResponse(c, machineOf(host, c));
    })
    .get("/stream", async (c) => openStream(c, host.stream, (await host.admit(c)).tenantId));
  for (const path of ["/machines", "/machines/:id", "/machines/:id/chart.svg", "/stream"]) {
    app.all(path, (c) => {
      throw new MethodNotAllowedError(c.req.method.slice(0, 32), ["GET"]);
    });
  }
  return app;
}

async function summaryOf([id, machine]: [string, AnyStateMachine]) {
  const { chart, hash } = await drawChart(machine);
  return { id, hash, states: chart.states.length, chart: `/machines/${id}/chart.svg` };
}

function machineOf(host: UiHost, c: Context): AnyStateMachine {
  const id = c.req.param("id") ?? "";
  const machine = host.machines.get(id);
  if (!machine) throw new NotFoundError("machine", id);
  return machine;
}

/** With its hash in the address the picture never changes; without, the browser asks each time. */
async function chartResponse(c: Context, machine: AnyStateMachine): Promise<Response> {
  const { svg, hash } = await drawChart(machine);
  const etag = `"${hash}"`;
  const isPinned = c.req.query("hash") === hash;
  const headers = {
    etag,
    "content-type": "image/svg+xml; charset=utf-8",
    "cache-control": isPinned ? "public, max-age=31536000, immutable" : "no-cache",
    // On its own it is a document: nothing in it may run.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
  };
  if (c.req.header("if-none-match") === etag) return new Response(null, { status: 304, headers });
  return new Response(svg, { headers });
}

function openStream(c: Context, stream: Stream, tenantId: string | null): Response {
  const jobId = c.req.query("job") ?? null;
  if (jobId !== null && !isUuid(jobId)) throw new MalformedError("job must be the id of a job");
  const last = c.req.header("last-event-id") ?? c.req.query("after") ?? "0";
  if (!/^\d{1,9}$/.test(last)) throw new MalformedError("Last-Event-ID must be a version");
  const topic = { tenantId, jobId, after: Number(last) };
  return new Response(stream.open(topic), {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

function asset(c: Context): Response {
  const name = c.req.param("name") ?? "";
  const file = files.get(name);
  if (!file) throw new NotFoundError("file", name);
  return new Response(file.text, {
    headers: { "content-type": `${file.type}; charset=utf-8`, "cache-control": "no-cache" },
  });
}
