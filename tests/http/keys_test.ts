/** Keys over HTTP: made, shown once, rotated, revoked; nobody gives away what it has not. */
import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { Gatekeeper } from "../../src/runtime/gatekeeper.ts";
import { type TenantsApi, tenantsApi } from "./tenants.ts";

async function call(
  api: TenantsApi,
  key: string | null,
  method: string,
  path: string,
  body?: unknown,
) {
  const { status, text } = await api.ask({ method, path, key, body });
  return { status, body: text === "" ? {} : JSON.parse(text) };
}

Deno.test("a key is made, used, rotated and revoked, and the audit tells", async () => {
  await using api = await tenantsApi();
  const operator = await api.make("a", "operate", "read", "enqueue");
  const made = await call(api, operator, "POST", "/keys", {
    name: "shop",
    scopes: ["enqueue", "enqueue"],
  });
  assertEquals([made.status, made.body.tenantId, made.body.scopes], [201, "a", ["enqueue"]]);
  const { id, key } = made.body;
  assertEquals((await call(api, key, "POST", "/jobs", { type: "debug.noop" })).status, 201);
  const listed = await call(api, operator, "GET", "/keys");
  const secret = String(key).slice(-43);
  assert(!JSON.stringify(listed.body).includes(secret), "the secret is shown once");
  const seen = await call(api, operator, "GET", `/keys/${id}`);
  assertEquals([seen.body.name, seen.body.isLive], ["shop", true]);
  const next = await call(api, operator, "POST", `/keys/${id}/rotate`, { overlapMs: 60_000 });
  assertEquals([next.status, next.body.name], [201, "shop"]);
  assertEquals((await call(api, key, "POST", "/jobs", { type: "debug.noop" })).status, 201);
  const old = await call(api, operator, "GET", `/keys/${id}`);
  assert(old.body.expiresAt !== null && old.body.isLive, "it has a while to go");
  assertEquals((await call(api, operator, "DELETE", `/keys/${next.body.id}`)).status, 204);
  const elsewhere = new Gatekeeper(api.db.store.keys, systemClock);
  const refused = await elsewhere.admit(next.body.key).then(() => false, () => true);
  assert(refused, "another process refuses it");
  const { body } = await call(api, operator, "GET", "/audit?action=key.");
  const actions = body.items.map((item: { action: string }) => item.action);
  assertEquals(actions, ["key.revoke", "key.rotate", "key.create"]);
  assert(!JSON.stringify(body).includes(secret));
});

Deno.test("what a key may not give away is 403, what is no key 422, another's 404", async () => {
  await using api = await tenantsApi();
  const operator = await api.make("a", "operate");
  const platform = await api.make(null, "platform");
  const status = async (key: string, body: unknown) =>
    (await call(api, key, "POST", "/keys", body)).status;
  assertEquals(await status(operator, { name: "x", scopes: ["operate"] }), 201);
  assertEquals(await status(operator, { name: "x", scopes: ["worker"] }), 403);
  assertEquals(await status(operator, { name: "x", scopes: ["platform"] }), 422);
  assertEquals(await status(operator, { name: "x", scopes: ["read"], tenantId: "b" }), 422);
  assertEquals(await status(platform, { name: "x", scopes: ["root"], tenantId: "a" }), 422);
  assertEquals(await status(platform, { name: "x", scopes: [], tenantId: "a" }), 422);
  assertEquals(await status(platform, { name: "x", scopes: ["read"] }), 422);
  for (const expiresAt of ["2020-01-01T00:00:00Z", "tomorrow", 0, ""]) {
    assertEquals(await status(operator, { name: "x", scopes: ["operate"], expiresAt }), 422);
  }
  const made = await call(api, platform, "POST", "/keys", {
    name: "x",
    scopes: ["worker"],
    tenantId: "a",
  });
  const path = `/keys/${made.body.id}/rotate`;
  assertEquals((await call(api, operator, "POST", path, {})).status, 403, "it would have its text");
  const stranger = await api.make("b", "operate", "worker");
  assertEquals((await call(api, stranger, "POST", path, {})).status, 404);
  assertEquals((await call(api, stranger, "DELETE", `/keys/${made.body.id}`)).status, 404);
  assertEquals((await call(api, platform, "POST", path, { overlapMs: -1 })).status, 422);
});

Deno.test("keys are listed page by page, to the oldest", async () => {
  await using api = await tenantsApi();
  const operator = await api.make("a", "operate");
  for (let n = 0; n < 5; n++) await api.make("a", "read");
  const ids: string[] = [];
  for (let path = "/keys?limit=2"; path !== "";) {
    const { status, body } = await call(api, operator, "GET", path);
    assertEquals(status, 200);
    ids.push(...body.items.map(({ id }: { id: string }) => id));
    path = body.nextCursor === null ? "" : `/keys?limit=2&cursor=${body.nextCursor}`;
  }
  assertEquals(ids, (await api.keys.list("a")).map(({ id }) => id));
  assertEquals(ids.length, 6);
  assertEquals((await call(api, operator, "GET", "/keys?cursor=nonsense")).status, 400);
});

Deno.test("of more keys than a page may hold none is left out", async () => {
  await using api = await tenantsApi();
  const operator = await api.make("a", "operate");
  // Made one by one they would take a minute.
  await api.db.sql`
    insert into perdura.api_key (tenant_id, id, name, secret_hash, scopes)
    select 'a', lpad(to_hex(n), 32, '0')::uuid, 'many', repeat('0', 64), '{read}'
      from generate_series(1, 2001) n`;
  const pages: number[] = [];
  const ids = new Set<string>();
  for (let path = "/keys?limit=1000"; path !== "";) {
    const { body } = await call(api, operator, "GET", path);
    for (const { id } of body.items) ids.add(id);
    pages.push(body.items.length);
    path = body.nextCursor === null ? "" : `/keys?limit=1000&cursor=${body.nextCursor}`;
  }
  assertEquals([pages, ids.size], [[1000, 1000, 2], 2002]);
  assertEquals((await api.keys.list("a")).length, 2002);
  assertEquals((await call(api, operator, "GET", "/keys?limit=1001")).status, 400);
});

Deno.test("an unknown key and a wrong one cost the same queries", async () => {
  await using api = await tenantsApi();
  const key = await api.make("a", "read");
  const asked: string[] = [];
  const counted = {
    ...api.db.store.keys,
    findKey: (id: string) => {
      asked.push(id);
      return api.db.store.keys.findKey(id);
    },
    touchKey: () => Promise.resolve(),
  };
  const door = new Gatekeeper(counted, systemClock);
  await door.admit(key);
  const wrong = key.slice(0, -2) + (key.endsWith("AA") ? "BB" : "AA");
  const unknown = key.replace(/_[0-9a-f]{32}_/, `_${"0".repeat(32)}_`);
  for (const [sent, queries] of [[wrong, 2], [unknown, 3], [wrong, 3], [unknown, 3]] as const) {
    await door.admit(sent).then(() => assert(false), () => {});
    assertEquals(asked.length, queries);
  }
});

Deno.test("a stream is cut when its key is revoked", async () => {
  await using api = await tenantsApi();
  const operator = await api.make("a", "enqueue", "operate");
  const input = { title: "x", approver: "x" };
  const started = { machine: "approval", id: "one", input };
  assertEquals((await call(api, operator, "POST", "/actors", started)).status, 201);
  const { key, text } = await api.keys.create({ name: "x", tenantId: "a", scopes: ["read"] });
  const response = await api.app.request("http://any.example/actors/one/emits", {
    headers: { authorization: `Bearer ${text}` },
  });
  assertEquals(response.status, 200);
  await api.keys.revoke("a", key.id);
  // Its actor lives on: nothing else would end it.
  assert((await response.text()).startsWith("retry:"));
});
