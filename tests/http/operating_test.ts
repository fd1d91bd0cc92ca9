/** `/metrics` and `POST /drive`: who may, what they answer, what they refuse. */
import { assert, assertEquals } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createApp, createRuntime } from "perdura";
import { permitBearer } from "../../src/http/access.ts";
import { Gatekeeper } from "../../src/runtime/gatekeeper.ts";
import { Keys } from "../../src/runtime/keys.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

async function served(db: TestDatabase) {
  const runtime = await createRuntime({ databaseUrl: db.url, handlers: debugHandlers });
  const app = createApp({
    jobs: runtime.jobs,
    isWritable: () => runtime.isWritable(),
    permit: permitBearer(new Gatekeeper(db.store.keys, systemClock)),
    operating: {
      metrics: () => Promise.resolve(new Response("perdura_x 1\n")),
      drive: (options) => runtime.drive(options),
    },
  });
  const keys = new Keys(db.store.keys);
  const make = async (tenantId: string | null, ...scopes: string[]) =>
    (await keys.create({ name: "test", tenantId, scopes })).text;
  const call = async (key: string, path: string, json?: unknown) => {
    const response = await app.request(path, {
      method: path === "/metrics" ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${key}`,
        ...(json === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
  };
  return { runtime, keys, make, call, [Symbol.asyncDispose]: () => runtime.close() };
}

Deno.test("POST /drive runs a slice and says when to come back", async () => {
  await using db = await testDatabase();
  await using api = await served(db);
  const key = await api.make(null, "drive");
  const idle = await api.call(key, "/drive", { budgetMs: 10_000 });
  assertEquals([idle.status, idle.body], [200, {
    ran: 0,
    turns: 0,
    nextWakeAt: null,
    more: false,
  }]);
  const delayMs = 3_600_000;
  await api.runtime.jobs.enqueueMany([1, 2, 3].map(() => ({ type: "debug.noop", payload: {} })));
  await api.runtime.jobs.enqueue({ type: "debug.noop", payload: {}, delayMs });
  const first = await api.call(key, "/drive", { maxJobs: 2, budgetMs: 10_000 });
  assertEquals([first.body.ran, first.body.more], [2, true]);
  const second = await api.call(key, "/drive");
  assertEquals([second.body.ran, second.body.more], [1, false]);
  const inMs = Date.parse(second.body.nextWakeAt) - Date.now();
  assert(inMs > delayMs - 120_000 && inMs <= delayMs, `${inMs}`);
  const others = await api.call(key, "/drive", { types: ["no.such.type"], budgetMs: 10_000 });
  assertEquals(others.body, { ran: 0, turns: 0, nextWakeAt: null, more: false });
});

Deno.test("what is no slice is refused with its field, and runs nothing", async () => {
  await using db = await testDatabase();
  await using api = await served(db);
  const key = await api.make(null, "drive");
  await api.runtime.jobs.enqueue({ type: "debug.noop", payload: {} });
  for (
    const [given, path] of [
      [{ budgetMs: 1 }, "budgetMs"],
      [{ budgetMs: "1000" }, "budgetMs"],
      [{ maxJobs: 0 }, "maxJobs"],
      [{ types: [] }, "types"],
      [{ budget: 1_000 }, "budget"],
    ] as const
  ) {
    const { status, body } = await api.call(key, "/drive", given);
    assertEquals([status, body.code, body.errors[0].path], [422, "invalid_input", path]);
  }
  assertEquals((await db.sql`select from perdura.job where state = 0`).length, 1);
});

Deno.test("driving and scraping have scopes of their own, of no tenant", async () => {
  await using db = await testDatabase();
  await using api = await served(db);
  const driver = await api.make(null, "drive");
  const scraper = await api.make(null, "metrics");
  const platform = await api.make(null, "platform");
  const tenants = await api.make("a", "read", "operate", "worker", "enqueue");
  const slice = { budgetMs: 10_000 };
  const statuses = async (key: string) => [
    (await api.call(key, "/metrics")).status,
    (await api.call(key, "/drive", slice)).status,
    (await api.call(key, "/jobs", { type: "debug.noop" })).status,
  ];
  assertEquals(await statuses(driver), [403, 200, 403]);
  assertEquals(await statuses(scraper), [200, 403, 403]);
  assertEquals(await statuses(platform), [200, 200, 201]);
  assertEquals(await statuses(tenants), [403, 403, 201]);
  assertEquals(await statuses("perdura_no"), [401, 401, 401]);
  for (const [tenantId, scope] of [["a", "drive"], ["a", "platform"], [null, "read"]] as const) {
    const refused = await api.make(tenantId, scope).then(() => "made", (error) => error.code);
    assertEquals(refused, "invalid_input");
  }
});

Deno.test("a key for a machine does not stand in for the first platform key", async () => {
  await using db = await testDatabase();
  const keys = new Keys(db.store.keys);
  await keys.create({ name: "prometheus", scopes: ["metrics"] });
  assert(await keys.createFirst() !== null);
  assertEquals(await keys.createFirst(), null);
});
