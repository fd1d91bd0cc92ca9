/** Tries to reach another tenant's things, by every route and every place where a name can stand. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Route } from "../../src/http/route.ts";
import {
  type Answer,
  type Ask,
  bodyOf,
  CANARY,
  fingerprint,
  furnish,
  secretOf,
  TENANT_SCOPES,
  tenantsApi,
  type Things,
} from "./tenants.ts";

const isLong = Deno.env.get("TEST_SIZE") === "long";
const numRuns = isLong ? 10_000 : 1_500;

/** What tenant a sends: a route, with names of tenant b in its path, query, headers and body. */
function tries(routes: readonly Route[], b: Things, key: string | null): fc.Arbitrary<Ask> {
  const jobId = fc.constantFrom(...b.jobs);
  const anyId = fc.constantFrom(...b.jobs, ...b.actors, ...b.keys);
  const names = fc.constantFrom(b.tenantId, CANARY, "default", "*");
  const nested = fc.record({
    tenantId: names,
    id: anyId,
    ids: fc.array(anyId, { minLength: 1, maxLength: 3 }),
    idempotencyKey: fc.constant(CANARY),
    queue: fc.constant(CANARY),
    parentId: jobId,
    clonedFrom: jobId,
    jobs: fc.array(
      fc.record({ type: fc.constant("debug.noop"), tenantId: names, parentId: jobId }, {
        requiredKeys: ["type"],
      }),
      { minLength: 1, maxLength: 3 },
    ),
    payload: fc.record({ tenantId: names, jobId }),
  }, { requiredKeys: [] });
  const query = fc.record({
    tenantId: names,
    idempotencyKey: fc.constant(CANARY),
    q: fc.oneof(fc.constant(CANARY), jobId),
    tag: fc.constant(CANARY),
    queue: fc.constant(CANARY),
    cursor: anyId,
    subject: jobId.map((id) => `jobs/${id}`),
    dryRun: fc.constant("true"),
    version: fc.constant("1"),
    until: fc.constant("done"),
    timeoutMs: fc.constant("0"),
  }, { requiredKeys: [] });
  const headers = fc.record({
    "if-match": fc.constantFrom('"1"', '"2"', "*"),
    "x-tenant-id": names,
    "audit-reason": fc.constant("a try"),
  }, { requiredKeys: [] });
  return fc.tuple(fc.constantFrom(...routes), anyId, names, nested, query, headers, fc.boolean())
    .map(([route, id, name, more, asked, sent, isBare]) => ({
      method: route.method.toUpperCase(),
      path: pathOf(route, id, name) + queryOf(route, asked),
      key,
      headers: sent,
      ...(route.body ? { body: isBare ? bodyOf(route) : merged(bodyOf(route), more) } : {}),
    }));
}

function pathOf({ path }: Route, id: string, name: string): string {
  return path.replace("{id}", encodeURIComponent(id))
    .replaceAll(/\{\w+\}/g, encodeURIComponent(name));
}

/** Mostly what the route knows: an unknown name is refused at once. */
function queryOf({ query }: Route, asked: Readonly<Record<string, string | undefined>>): string {
  const known = Object.entries(asked).filter(([name, value]) =>
    value !== undefined && name in query.shape
  );
  return known.length === 0 ? "" : `?${new URLSearchParams(Object.fromEntries(known.map(
    ([name, value]) => [name, String(value)],
  )))}`;
}

function merged(body: unknown, more: Readonly<Record<string, unknown>>): unknown {
  return { ...Object(body), ...more };
}

/** Nothing that only tenant b has ever said is in an answer: names may be what tenant a sent before. */
function assertNothingOfB(ask: Ask, { status, text }: Answer): void {
  const shown = `${ask.method} ${ask.path} ${JSON.stringify(ask.body)}: ${status} ${text}`;
  assert(!text.includes(secretOf(CANARY)), shown);
  assert(status < 500, shown);
}

Deno.test("nothing of another tenant is read or changed, whatever is sent", async () => {
  await using api = await tenantsApi();
  await furnish(api, "a", "of-a");
  const b = await furnish(api, "b", CANARY);
  const key = await api.make("a", ...TENANT_SCOPES);
  const before = await fingerprint(api.db, "b");
  await fc.assert(
    fc.asyncProperty(tries(api.routes, b, key), async (ask) => {
      assertNothingOfB(ask, await api.ask(ask));
    }),
    { numRuns },
  );
  assertEquals(await fingerprint(api.db, "b"), before);
});

/** It recovers what workers have left, in all tenants, and is the platform's. */
const SWEEP = "/admin/sweep";

Deno.test("the same by row-level security alone: no route checks anything", async () => {
  await using api = await tenantsApi();
  await furnish(api, "a", "of-a");
  const b = await furnish(api, "b", CANARY);
  const before = await fingerprint(api.db, "b");
  const behind = api.routes.filter(({ path }) => path !== SWEEP);
  await fc.assert(
    fc.asyncProperty(tries(behind, b, null), async (ask) => {
      const { status, text } = await api.within("a", () => api.askOpen(ask));
      // What the database refuses is no answer that anybody waits for: any status will do.
      assertNothingOfB(ask, { status: Math.min(status, 499), text });
    }),
    { numRuns },
  );
  assertEquals(await fingerprint(api.db, "b"), before);
  const open = await api.askOpen({ method: "GET", path: `/jobs/${b.jobs[0]}`, key: null });
  assert(open.text.includes(CANARY), "without the wall it is there");
});
