/** The matrix: every route of the table × every credential, as the route declares it. */
import { assert, assertEquals } from "@std/assert";
import { type Scope, SCOPES } from "../../src/core/access.ts";
import { askedOf, type Route } from "../../src/http/route.ts";
import {
  bodyOf,
  furnish,
  TENANT_SCOPES,
  type TenantsApi,
  tenantsApi,
  type Things,
} from "./tenants.ts";

/** Routes beside the table: open to everybody, or asking for `read` by themselves. */
const OPEN = [
  "GET /health",
  "GET /health/ready",
  "GET /health/live",
  "GET /openapi.json",
  "GET /docs",
];

/** Those that change something and are no operator's action, so that the audit has nothing of them. */
const UNAUDITED: Readonly<Record<string, string>> = {
  "POST /jobs": "its history begins with it",
  "POST /jobs/batch": "the same",
  "POST /types/{type}/jobs": "the same",
  "POST /jobs/{id}/renew": "a worker's part",
  "POST /drive": "a scheduler's, many times a minute",
  "POST /files": "a thing of its sender's own",
  "POST /batches": "their histories begin with it",
  "POST /actors": "its history begins with it",
  "POST /actors/{id}/events": "it stands in the history of the actor",
};

function nameOf({ method, path }: Pick<Route, "method" | "path">): string {
  return `${method.toUpperCase()} ${path.replace(/^\/types\/[^/{]+\/jobs$/, "/types/{type}/jobs")}`;
}

function declared(route: Route): readonly Scope[] {
  return askedOf(route);
}

Deno.test("every route declares what it asks for, and every change what the audit calls it", async () => {
  await using api = await tenantsApi();
  for (const route of api.routes) {
    const scopes = declared(route);
    assert(scopes.length > 0 && scopes.every((s) => SCOPES.includes(s)), nameOf(route));
    if (route.method === "get" || route.audit !== undefined) continue;
    assert(nameOf(route) in UNAUDITED, `${nameOf(route)} has no name for the audit`);
  }
  const table = new Set(
    api.routes.map(({ method, path }) =>
      `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`
    ),
  );
  const beside = api.app.routes
    .filter(({ method, path }) => method !== "ALL" && !table.has(`${method} ${path}`))
    .map(({ method, path }) => `${method} ${path}`)
    .filter((name) => !OPEN.includes(name));
  // One that only says which types there are; it asks for `enqueue` itself.
  assertEquals(beside, ["POST /types/:type/jobs"]);
});

/** A path with the names of a tenant's things in it; fresh ones, where the route ends them. */
async function pathOf(api: TenantsApi, route: Route, things: Things): Promise<string> {
  const { path } = route;
  const id = path.startsWith("/actors")
    ? things.actors[0]
    : path.startsWith("/keys")
    ? (await api.keys.create({ name: "x", tenantId: things.tenantId, scopes: ["operate"] })).key.id
    : things.jobs[1];
  return path.replace("{id}", id ?? "").replace("{tenantId}", things.tenantId)
    .replace("{name}", "mail").replace("{type}", "debug.noop") +
    (path.endsWith("/wait") ? "?until=done&timeoutMs=0" : "");
}

Deno.test("the matrix: each credential gets what its scopes say, of its own tenant", async () => {
  await using api = await tenantsApi();
  const [a, b] = [await furnish(api, "a", "of-a"), await furnish(api, "b", "of-b")];
  const platform = await api.make(null, "platform");
  const keyOf = async (tenantId: string) =>
    await Promise.all(TENANT_SCOPES.map(async (scope) => ({
      scope,
      key: await api.make(tenantId, scope),
    })));
  const [keysOfA, keysOfB] = [await keyOf(a.tenantId), await keyOf(b.tenantId)];
  let tried = 0;
  for (const route of api.routes) {
    const scopes = declared(route);
    const ask = async (key: string | null, scope?: Scope) => {
      tried++;
      const path = await pathOf(api, route, a);
      const body = route.body ? bodyOf(route, scope) : undefined;
      const isMatched = route.path === "/jobs/{id}/renew";
      return await api.ask({
        method: route.method.toUpperCase(),
        path,
        key,
        body,
        headers: isMatched ? { "if-match": '"1"' } : {},
      });
    };
    const shown = (who: string, { status, text }: { status: number; text: string }) =>
      `${nameOf(route)} by ${who}: ${status} ${text.slice(0, 200)}`;
    const anonymous = await ask(null);
    assertEquals(anonymous.status, 401, shown("nobody", anonymous));
    const wrong = await ask(platform.slice(0, -3) + "AAA");
    assertEquals(wrong.status, 401, shown("a wrong key", wrong));
    for (const { scope, key } of keysOfA) {
      const answer = await ask(key, scope);
      const isDenied = [401, 403].includes(answer.status);
      assertEquals(isDenied, !scopes.includes(scope), shown(`a's ${scope}`, answer));
      assert(answer.status < 500, shown(`a's ${scope}`, answer));
    }
    const all = await ask(platform);
    assert(![401, 403].includes(all.status) && all.status < 500, shown("platform", all));
    for (const { scope, key } of keysOfB) {
      const answer = await ask(key, scope);
      if (!scopes.includes(scope)) {
        assertEquals(answer.status, 403, shown(`b's ${scope}`, answer));
      } else if (/\{(id|tenantId)\}/.test(route.path)) {
        // Another tenant's thing is not there; a request may be wrong before anything is looked for.
        assert([400, 404, 422].includes(answer.status), shown(`b's ${scope}`, answer));
      } else {
        assert(![401, 403].includes(answer.status), shown(`b's ${scope}`, answer));
        assert(!answer.text.includes("of-a"), shown(`b's ${scope}`, answer));
      }
    }
  }
  assert(tried >= api.routes.length * 11);
});
