/** Two tenants with things of every kind, and credentials of every kind. */
import { assert, assertEquals } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { machinesOf } from "../../src/cli/actors.ts";
import { type Scope, SCOPES, SCOPES_OF_ALL } from "../../src/core/access.ts";
import { systemClock } from "../../src/core/clock.ts";
import { permitBearer } from "../../src/http/access.ts";
import { createApp, routesOf } from "../../src/http/app.ts";
import type { Route } from "../../src/http/route.ts";
import { Gatekeeper } from "../../src/runtime/gatekeeper.ts";
import { Keys } from "../../src/runtime/keys.ts";
import { createRuntime } from "perdura";
import { type TestDatabase, testDatabase } from "../support/database.ts";

/** What stands in everything of tenant b, and in nothing that tenant a sends. */
export const CANARY = "canary-of-b";

/** An answer: its status, and the text of its body. */
export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What a request is made of. */
export interface Ask {
  readonly method: string;
  readonly path: string;
  /** Null: without. */
  readonly key: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The scopes of tenants. */
export const TENANT_SCOPES = SCOPES.filter((scope) => !SCOPES_OF_ALL.includes(scope));

/** An API with keys; `open`: one on the same store that asks for none. */
export async function tenantsApi() {
  const db = await testDatabase();
  const runtime = await createRuntime({
    databaseUrl: db.url,
    handlers: debugHandlers,
    machines: machinesOf(false).entries,
  });
  const permit = permitBearer(new Gatekeeper(db.store.keys, systemClock));
  const host = {
    jobs: runtime.jobs,
    actors: runtime.actors,
    isWritable: () => runtime.isWritable(),
    operating: {
      metrics: () => Promise.resolve(new Response("up 1\n")),
      drive: () => Promise.resolve({ ran: 0, turns: 0, nextWakeAt: null, more: false }),
    },
  };
  const app = createApp({ ...host, permit });
  const open = createApp(host);
  const keys = new Keys(db.store.keys);
  const make = async (tenantId: string | null, ...scopes: readonly Scope[]) =>
    (await keys.create({ name: tenantId === "b" ? CANARY : "key", tenantId, scopes })).text;
  const sendTo = async (to: typeof app, { method, path, key, body, headers }: Ask) => {
    const isSent = body !== undefined && method !== "GET" && method !== "DELETE";
    const response = await to.request(`http://any.example${path}`, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(isSent ? { "content-type": "application/json" } : {}),
        ...headers,
      },
      body: isSent ? JSON.stringify(body) : null,
    });
    // A stream does not end.
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    if (isStream) await response.body?.cancel();
    return { status: response.status, text: isStream ? "" : await response.text() };
  };
  return {
    db,
    app,
    keys,
    make,
    permit,
    routes: routesOf(host),
    jobs: runtime.jobs,
    actors: runtime.actors,
    within: <T>(tenantId: string, work: () => Promise<T>) =>
      runtime.jobs.host.store.within(tenantId, work),
    ask: (ask: Ask): Promise<Answer> => sendTo(app, ask),
    askOpen: (ask: Ask): Promise<Answer> => sendTo(open, ask),
    [Symbol.asyncDispose]: async () => {
      await runtime.close();
      await db[Symbol.asyncDispose]();
    },
  };
}

/** The API of `tenantsApi`. */
export type TenantsApi = Awaited<ReturnType<typeof tenantsApi>>;

/** Names of what a tenant has: by what a path calls them. */
export interface Things {
  readonly tenantId: string;
  readonly jobs: readonly string[];
  readonly actors: readonly string[];
  readonly keys: readonly string[];
}

/** What only the tenant itself has ever said. */
export function secretOf(mark: string): string {
  return `secret-${mark}`;
}

/** Gives a tenant jobs that wait and jobs that have ended, an actor, a queue with a limit, a key. */
export async function furnish(api: TenantsApi, tenantId: string, mark: string): Promise<Things> {
  const key = await api.make(tenantId, ...TENANT_SCOPES);
  const ask = async (method: string, path: string, body: unknown, status: number) => {
    const answer = await api.ask({ method, path, key, body });
    assertEquals(answer.status, status, answer.text);
    return JSON.parse(answer.text);
  };
  const job = {
    type: "debug.noop",
    payload: {},
    tags: [mark, secretOf(mark)],
    metadata: { mark: secretOf(mark) },
    queue: mark,
  };
  const jobs: string[] = [];
  for (const more of [{}, { delayMs: 3_600_000 }, { idempotencyKey: mark }, {}]) {
    jobs.push((await ask("POST", "/jobs", { ...job, ...more }, 201)).id);
  }
  await ask("POST", `/jobs/${jobs[3]}/cancel`, { reason: mark }, 200);
  const input = { title: secretOf(mark), approver: mark };
  const id = `actor-${mark}`;
  await ask("POST", "/actors", { machine: "approval", id, input }, 201);
  await ask("PUT", `/queues/${mark}/limits`, { concurrency: 3 }, 200);
  const made = (await api.keys.list(tenantId)).map((found) => found.id);
  assert(made.length > 0);
  return { tenantId, jobs, actors: [id], keys: made };
}

/** A fingerprint of everything that a tenant has, but for when its keys were used. */
export async function fingerprint(db: TestDatabase, tenantId: string): Promise<string> {
  const tables = await db.sql`
    select c.relname as name from pg_class c
     where c.relnamespace = 'perdura'::regnamespace and c.relkind in ('r', 'p')
       and not c.relispartition
       and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
     order by 1`;
  const sums = await Promise.all(tables.map(async ({ name }) => {
    const [row] = await db.sql`
      select count(*)::int as n,
             md5(coalesce(string_agg((to_jsonb(t) - 'last_used_at')::text, ',' order by t::text), ''))
               as sum
        from ${db.sql(`perdura.${name}`)} t where tenant_id = ${tenantId}`;
    return `${name} ${row?.n} ${row?.sum}`;
  }));
  return sums.join("\n");
}

/** A body that the route takes, of whoever has `scope`, as far as it needs one to get to what it names. */
export function bodyOf({ path }: Route, scope?: Scope): unknown {
  if (path === "/jobs/{id}/events" && scope === "worker") return { type: "SUCCEED" };
  return bodies[path] ?? {};
}

const bodies: Readonly<Record<string, unknown>> = {
  "/jobs": { type: "debug.noop" },
  "/jobs/batch": { jobs: [{ type: "debug.noop" }] },
  "/jobs/{id}": { priority: 1 },
  "/jobs/{id}/events": { type: "CANCEL" },
  "/actors": { machine: "approval", input: { title: "x", approver: "x" } },
  "/actors/{id}/events": { type: "APPROVE", by: "x" },
  "/actors/{id}/fork": { at: 1 },
  "/actors/{id}/rewind": { at: 1 },
  "/keys": { name: "x", scopes: ["operate"] },
};
