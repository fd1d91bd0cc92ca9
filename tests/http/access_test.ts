/** The door: names of the loopback without keys, keys beyond it. */
import { assertEquals } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { systemClock } from "../../src/core/clock.ts";
import { permitBearer } from "../../src/http/access.ts";
import { Gatekeeper } from "../../src/runtime/gatekeeper.ts";
import { Keys } from "../../src/runtime/keys.ts";
import { createApp, createRuntime } from "perdura";
import { type TestDatabase, testDatabase } from "../support/database.ts";

Deno.test("without keys, a name that is not the loopback's is refused", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers: debugHandlers });
  const app = createApp({
    jobs: runtime.jobs,
    isWritable: () => runtime.isWritable(),
    isLoopbackOnly: true,
  });
  for (const host of ["localhost:8000", "127.0.0.1", "[::1]:8000"]) {
    assertEquals((await app.request(`http://${host}/jobs`)).status, 200, host);
  }
  for (const host of ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"]) {
    const response = await app.request(`http://${host}/jobs`);
    assertEquals([response.status, (await response.json()).code], [403, "forbidden"], host);
  }
});

Deno.test("without keys, what a page of another site sends is not done", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, handlers: debugHandlers });
  const app = createApp({
    jobs: runtime.jobs,
    isWritable: () => runtime.isWritable(),
    isLoopbackOnly: true,
  });
  const pause = async (origin: string, method = "POST") => {
    const url = "http://127.0.0.1:8000/queues/mail/pause";
    const response = await app.request(url, { method, headers: { origin } });
    await response.body?.cancel();
    return response.status;
  };
  for (const origin of ["http://evil.example", "https://localhost.evil.example", "null", "x"]) {
    assertEquals(await pause(origin), 403, origin);
  }
  for (const origin of ["http://127.0.0.1:8000", "http://localhost:5173", "http://[::1]"]) {
    assertEquals(await pause(origin), 200, origin);
  }
  // What changes nothing tells nothing either: a browser keeps the answer from the page.
  assertEquals(await pause("http://evil.example", "GET"), 405);
});

/** The API with keys, and one key per scope and tenant. */
async function withKeys(db: TestDatabase) {
  const runtime = await createRuntime({ databaseUrl: db.url, handlers: debugHandlers });
  const permit = permitBearer(new Gatekeeper(db.store.keys, systemClock));
  const app = createApp({ jobs: runtime.jobs, isWritable: () => runtime.isWritable(), permit });
  const keys = new Keys(db.store.keys);
  const make = async (tenantId: string | null, ...scopes: string[]) =>
    (await keys.create({ name: "test", tenantId, scopes })).text;
  const call = async (key: string, method: string, path: string, body?: unknown) => {
    const response = await app.request(`http://any.example${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  return { app, make, call, [Symbol.asyncDispose]: () => runtime.close() };
}

Deno.test("a key opens its own tenant, for what it is good for, and no other", async () => {
  await using db = await testDatabase();
  await using api = await withKeys(db);
  const [reader, writer] = [await api.make("a", "read"), await api.make("a", "enqueue")];
  const [stranger, platform] = [
    await api.make("b", "read", "enqueue"),
    await api.make(null, "platform"),
  ];
  const job = { type: "debug.noop" };
  assertEquals((await api.app.request("http://any.example/jobs")).status, 401);
  assertEquals((await api.call(reader, "POST", "/jobs", job)).status, 403);
  const stored = await api.call(writer, "POST", "/jobs", job);
  assertEquals([stored.status, stored.body.tenantId], [201, "a"]);
  const path = `/jobs/${stored.body.id}`;
  assertEquals((await api.call(writer, "GET", path)).status, 403);
  assertEquals((await api.call(reader, "GET", path)).status, 200);
  assertEquals((await api.call(stranger, "GET", path)).status, 404);
  assertEquals((await api.call(stranger, "GET", `${path}/transitions`)).status, 404);
  assertEquals((await api.call(platform, "GET", path)).status, 200);
  const foreign = await api.call(writer, "POST", "/jobs", { ...job, tenantId: "b" });
  assertEquals([foreign.status >= 400, foreign.status < 500], [true, true]);
  const mixed = { jobs: [job, { ...job, tenantId: "b" }] };
  const batch = await api.call(writer, "POST", "/jobs/batch", mixed);
  assertEquals([batch.status >= 400, batch.status < 500], [true, true]);
  const [count] = await db.sql`select count(*)::int as n from perdura.job`;
  assertEquals(count?.n, 1, "nothing of a foreign tenant is stored");
  assertEquals((await api.call(stranger, "GET", "/jobs")).body.items, []);
  const operator = await api.make("b", "operate");
  assertEquals((await api.call(operator, "GET", "/tenants")).status, 403, "names of others");
  assertEquals((await api.call(platform, "GET", "/tenants")).body.items.length, 1);
  // Which types are registered is for those who may send some.
  for (const [key, status] of [["none", 401], [reader, 403], [writer, 422]] as const) {
    assertEquals((await api.call(key, "POST", "/types/no.such/jobs", {})).status, status);
  }
});
