/**
 * A route: one record that says how it is called, what it checks, and what it does. The router and
 * the OpenAPI document are both made from it.
 */
import type { RouteConfig } from "@hono/zod-openapi";
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ErrorCode } from "../core/errors.ts";
import type { Audit } from "../runtime/audit.ts";
import type { Scope } from "../core/access.ts";
import { demand, type Permission, type Permit } from "./access.ts";
import { otherMethod } from "./methods.ts";
import { entryOf, type Note, readReason, subjectOf } from "./noting.ts";
import { problems } from "./problem.ts";
import { checkQuery, oneEach } from "./request.ts";
import { problemResource } from "./schemas.ts";

/** A request that has been let in. */
export interface Call<Query> {
  readonly c: Context;
  readonly query: Query;
  readonly permission: Permission;
  /** What the path of the request has in front of ours: empty, or where another app has put us. */
  readonly prefix: string;
  /** What the audit should know beside what the route tells it; null: there is nothing to record. */
  note(note: Note | null): void;
}

/** What stands in front of every route. */
export interface Door {
  readonly permit: Permit;
  readonly audit: Audit;
  /** Puts a second wall around what is done for one tenant. */
  within<T>(tenantId: string, work: () => T): T;
}

/** What a successful answer holds; null: nothing. */
export type Answers = Readonly<Record<number, readonly [description: string, z.ZodType | null]>>;

/** The body of a request by media type, for the document: zod, or a schema made elsewhere. */
type Body = NonNullable<NonNullable<RouteConfig["request"]>["body"]>["content"];

/** How a route is declared. */
export interface RouteSpec<Query extends z.ZodObject> {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** As OpenAPI writes it: `/jobs/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  /** What the sender must have, one of several: the handler may ask for more. */
  readonly scope: Scope | readonly Scope[];
  readonly query: Query;
  readonly body?: Body;
  /** It may be left out: nothing is asked for then. */
  readonly bodyIsOptional?: true;
  /** Its `{id}` is any text, not a UUID. */
  readonly idIsText?: true;
  /** It reads If-Match. */
  readonly ifMatch?: true;
  /** It reads If-None-Match, and may answer 304. */
  readonly ifNoneMatch?: true;
  /** It reads Idempotency-Key. */
  readonly idempotencyKey?: true;
  /** What the audit calls it, when an operator acts by it: `job.cancel`. */
  readonly audit?: string;
  readonly answers: Answers;
  readonly codes?: readonly ErrorCode[];
  readonly handle: (call: Call<z.output<Query>>) => Response | Promise<Response>;
}

/** A route whose query type is sealed inside. */
export interface Route extends Omit<RouteSpec<z.ZodObject>, "handle"> {
  readonly serve: (c: Context, door: Door) => Promise<Response>;
}

/** Declares a route. */
export function defineRoute<Query extends z.ZodObject>(spec: RouteSpec<Query>): Route {
  const { handle, ...rest } = spec;
  const names = Object.keys(spec.query.shape);
  // Most calls have no query, which is checked once for all of them.
  const none = spec.query.safeParse({});
  const asked = askedOf(spec);
  const serve = async (c: Context, door: Door) => {
    const permission = await door.permit(c);
    demand(permission, ...asked);
    const query = none.success && !c.req.url.includes("?")
      ? none.data
      : checkQuery(spec.query, oneEach(c, names));
    const prefix = prefixOf(c.req.path, spec.path);
    const call = { c, query, permission, prefix, note: noteNothing };
    const { tenantId } = permission;
    const answer = () =>
      spec.audit === undefined ? handle(call) : audited(spec, door.audit, call, handle);
    return await (tenantId === null ? answer() : door.within(tenantId, answer));
  };
  return { ...rest, serve };
}

/** The scopes of which a route asks for one. */
export function askedOf({ scope }: Pick<Route, "scope">): readonly Scope[] {
  return typeof scope === "string" ? [scope] : scope;
}

/** Where nothing is recorded. */
function noteNothing(): void {}

/** Answers, and records what was done before anybody hears that it was. */
async function audited<Query>(
  { path, audit: action = "" }: Pick<Route, "path" | "audit">,
  audit: Audit,
  call: Call<Query>,
  handle: (call: Call<Query>) => Response | Promise<Response>,
): Promise<Response> {
  const { c, query, permission: { tenantId, who } } = call;
  let noted: Note | null = {
    action,
    subject: subjectOf(c, path),
    tenantId: tenantId ?? tenantNamed(query),
    reason: readReason(c),
  };
  const note = (more: Note | null) => {
    noted = more && { ...noted, ...more };
  };
  const response = await handle({ ...call, note });
  if (response.ok && noted) await audit.record(entryOf(who, noted));
  return response;
}

function tenantNamed(query: unknown): string | null {
  const { tenantId } = Object(query);
  return typeof tenantId === "string" ? tenantId : null;
}

/** What a path has in front of one of ours (`/shop/jobs`, `/jobs`: `/shop`). */
export function prefixOf(path: string, own: string): string {
  if (path === own) return "";
  return path.split("/").slice(0, 1 - own.split("/").length).join("/");
}

/** Puts routes on the app, and the answer 405 on what their paths do not take. */
export function mountRoutes(app: OpenAPIHono, routes: readonly Route[], door: Door): void {
  const methods = new Map<string, string[]>();
  for (const route of routes) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ":$1");
    app.on(route.method.toUpperCase(), path, (c) => route.serve(c, door));
    app.openAPIRegistry.registerPath(documented(route));
    const known = methods.get(path) ?? [];
    // What answers GET answers HEAD.
    methods.set(path, [
      ...known,
      ...route.method === "get" ? ["GET", "HEAD"] : [route.method.toUpperCase()],
    ]);
  }
  for (const [path, taken] of methods) {
    app.all(path, (c) => otherMethod(c, taken));
  }
}

function documented(route: Route): RouteConfig {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => String(name));
  const isId = (name: string) => name === "id" && !route.idIsText;
  const params = Object.fromEntries(names.map((n) => [n, isId(n) ? z.uuid() : z.string()]));
  const codes: ErrorCode[] = [
    ...["malformed", "unauthenticated", "forbidden", ...route.codes ?? []] as const,
    ...(route.ifMatch ? ["version_conflict"] as const : []),
    ...(route.body ? ["request_timeout"] as const : []),
    ...["unavailable", "internal"] as const,
  ];
  return {
    method: route.method,
    path: route.path,
    operationId: operationIdOf(route),
    summary: route.summary,
    tags: [route.tag],
    request: {
      query: route.query,
      ...(names.length > 0 ? { params: z.object(params) } : {}),
      ...headersOf(route),
      ...(route.body ? { body: { content: route.body, required: !route.bodyIsOptional } } : {}),
    },
    responses: {
      ...answersOf(route.answers),
      ...problemsOf(codes),
      ...(route.ifNoneMatch ? { 304: { description: "As If-None-Match has it" } } : {}),
      ...(route.ifMatch ? { 412: problemAnswer("`version_conflict`: If-Match is stale") } : {}),
    },
  };
}

/** The headers that a route reads. */
function headersOf(route: Route): { headers?: z.ZodObject } {
  const names = [
    ...(route.ifMatch ? ["if-match"] : []),
    ...(route.ifNoneMatch ? ["if-none-match"] : []),
    ...(route.idempotencyKey ? ["idempotency-key"] : []),
  ];
  if (names.length === 0) return {};
  return { headers: z.object(Object.fromEntries(names.map((n) => [n, z.string().optional()]))) };
}

function operationIdOf({ method, path }: Route): string {
  return [method, ...path.split("/").filter(Boolean)]
    .map((part) => part.replaceAll(/[^A-Za-z0-9]+/g, "_").replaceAll(/^_|_$/g, "")).join("_");
}

function answersOf(answers: Answers): RouteConfig["responses"] {
  return Object.fromEntries(
    Object.entries(answers).map(([status, [description, schema]]) => [
      status,
      schema === null
        ? { description }
        : { description, content: { "application/json": { schema } } },
    ]),
  );
}

/** One answer per status: several codes may share it. */
function problemsOf(codes: readonly ErrorCode[]): RouteConfig["responses"] {
  const byStatus = new Map<number, string[]>();
  for (const code of codes) {
    const { status } = problems[code];
    byStatus.set(status, [...new Set([...byStatus.get(status) ?? [], `\`${code}\``])]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [status, problemAnswer(names.join(", "))]),
  );
}

function problemAnswer(description: string) {
  return { description, content: { "application/problem+json": { schema: problemResource } } };
}
