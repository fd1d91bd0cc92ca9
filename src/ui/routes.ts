/** The pages, the charts and the stream. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { MalformedError, NotFoundError } from "../core/errors.ts";
import { unlessKnown } from "../http/condition.ts";
import { onlyGet } from "../http/methods.ts";
import { oneEach, readQuery } from "../http/request.ts";
import { pageOf, shortListQuery } from "../http/short_list.ts";
import type { Store, UiStore } from "../store/store.ts";
import { askedFirst } from "./app/asked_first.ts";
import { Charts } from "./charts.ts";
import { Census } from "./census.ts";
import { documentUi } from "./document.ts";
import type { UiAssets } from "./files.ts";
import type { BookEntry, MachineBook } from "./machine_book.ts";
import { mermaidOf } from "./mermaid.ts";
import { Shell, unbuiltPage } from "./shell.ts";
import { type Seen, sessionRoutes, type SignIn } from "./sign_in.ts";
import type { Stream } from "./stream.ts";
import { openStream } from "./stream_route.ts";

/** What the pages need. */
export interface UiHost {
  /** Whoever made it closes it. */
  readonly stream: Stream;
  readonly machines: MachineBook;
  /** Who reads. @throws {PerduraError} Nobody who may. */
  readonly admit: (c: Context) => Promise<Seen>;
  /** The built pages; null: they could not be built. */
  readonly assets: UiAssets | null;
  /** Null: nobody signs in. */
  readonly signIn: SignIn | null;
  /** Pictures that were drawn before, and how many actors are where. */
  readonly store: UiStore;
  /** Puts the second wall around what is read for one tenant. */
  readonly within: Store["within"];
}

/** Nothing from elsewhere, nothing inline. */
const POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; " +
  "form-action 'self'; frame-ancestors 'none'";
/** Proxies take headers of some kilobytes, and a name may be long. */
const LINK_MAX = 1_500;
const WINDOW_MS = 3_600_000;
const DAY_MS = 86_400_000;
const FOREVER = "public, max-age=31536000, immutable";

/** `/ui/…`, `/machines`, `/stream`. */
export function uiRoutes(host: UiHost): OpenAPIHono {
  const app = new OpenAPIHono();
  const charts = new Charts(host.store);
  const census = new Census(host.store);
  const shell = host.assets && new Shell(host.assets);
  documentUi(app);
  sessionRoutes(app, host.admit, host.signIn);
  app.get("/", (c) => c.redirect("/ui/"))
    .get("/ui", (c) => c.redirect(new URL("ui/", new URL(c.req.url)).pathname))
    .get("/ui/assets/:hash/:name", (c) => asset(c, host.assets))
    .get("/ui/*", (c) => page(c, shell))
    .get("/machines", async (c) => {
      await host.admit(c);
      const query = readQuery(c, z.object(shortListQuery));
      const page = pageOf(host.machines.latest, ({ name }) => name, query);
      const items = await Promise.all(page.items.map((each) => summaryOf(charts, each)));
      return c.json({ ...page, items });
    })
    .get("/machines/:id", async (c) => {
      await host.admit(c);
      const entry = entryOf(host, c);
      const { chart, hash } = await charts.chart(entry.machine);
      const { name: id, version } = entry;
      return c.json({ id, hash, version, versions: host.machines.versions(id), ...chart });
    })
    .get("/machines/:id/chart.svg", async (c) => {
      await host.admit(c);
      return await chartResponse(c, charts, entryOf(host, c, "hash"));
    })
    .get("/machines/:id/chart.mmd", async (c) => {
      await host.admit(c);
      const { chart } = await charts.chart(entryOf(host, c).machine);
      return c.text(mermaidOf(chart));
    })
    .get("/machines/:id/counts", async (c) => {
      const { tenantId } = await host.admit(c);
      const { name } = entryOf(host, c);
      const items = await host.within(tenantId, () => census.count(tenantId, name));
      return c.json({ items, nextCursor: null });
    })
    .get("/machines/:id/flow", async (c) => {
      const { tenantId } = await host.admit(c);
      const { name } = entryOf(host, c, "windowMs");
      return c.json(await host.within(tenantId, () => census.flow(tenantId, name, windowOf(c))));
    })
    .get("/stream", async (c) => {
      const { tenantId } = await host.admit(c);
      return await host.within(tenantId, () => openStream(c, host.stream, tenantId));
    });
  const readOnly = [
    "/machines",
    "/machines/:id",
    "/machines/:id/chart.svg",
    "/machines/:id/chart.mmd",
    "/machines/:id/counts",
    "/machines/:id/flow",
    "/stream",
  ];
  for (const path of readOnly) app.all(path, onlyGet);
  return app;
}

async function summaryOf(charts: Charts, { name, version, machine }: BookEntry) {
  const { chart, hash } = await charts.chart(machine);
  const path = `/machines/${encodeURIComponent(name)}/chart.svg`;
  // The first is the machine itself.
  return { id: name, hash, version, states: chart.states.length - 1, chart: path };
}

/** How far a flow looks back, in milliseconds. @throws {MalformedError} */
function windowOf(c: Context): number {
  const text = c.req.query("windowMs") ?? String(WINDOW_MS);
  const isKnown = /^\d{1,9}$/.test(text) && Number(text) >= 60_000 && Number(text) <= DAY_MS;
  if (!isKnown) throw new MalformedError("windowMs must be a number from 60000 to 86400000");
  return Number(text);
}

function entryOf(host: UiHost, c: Context, ...known: string[]): BookEntry {
  const id = c.req.param("id") ?? "";
  const { version = null } = oneEach(c, ["version", ...known]);
  const entry = host.machines.find(id, version);
  if (entry) return entry;
  const versions = host.machines.versions(id);
  if (versions.length > 0) throw new NotFoundError(`version ${version} of machine`, id);
  throw new NotFoundError("machine", id);
}

/** With its hash in the address the picture never changes; without, the browser asks each time. */
async function chartResponse(
  c: Context,
  charts: Charts,
  { machine }: BookEntry,
): Promise<Response> {
  const { svg, hash } = await charts.draw(machine);
  const etag = `"${hash}"`;
  const headers = {
    etag,
    "content-type": "image/svg+xml; charset=utf-8",
    "cache-control": c.req.query("hash") === hash ? FOREVER : "no-cache",
    // On its own it is a document: nothing in it may run.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
  };
  return unlessKnown(c, etag, () => new Response(svg, { headers }), headers);
}

function page(c: Context, shell: Shell | null): Response | Promise<Response> {
  const headers = { "content-security-policy": POLICY, "cache-control": "no-cache" };
  if (!shell) return c.html(unbuiltPage, 503, headers);
  const asked = askedFirst(new URL(c.req.url)).map((path) =>
    `<${path}>; rel=preload; as=fetch; crossorigin`
  );
  const link = asked.join(", ");
  return c.html(shell.of(c.req.path), 200, {
    ...headers,
    ...link.length <= LINK_MAX ? { link } : {},
  });
}

/** Each build has addresses of its own; what an older page asks for is gone. */
function asset(c: Context, assets: UiAssets | null): Response {
  const { hash = "", name = "" } = c.req.param();
  const file = assets?.hash === hash ? assets.files.get(name) : undefined;
  if (!file) throw new NotFoundError("file", name);
  return new Response(file.bytes, {
    headers: { "content-type": file.type, "cache-control": FOREVER },
  });
}
