/** GET /jobs. */
import { assertEquals } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { createApp } from "../../src/http/app.ts";
import { indexHandlers } from "../../src/runtime/handlers.ts";
import { Jobs } from "../../src/runtime/jobs.ts";
import { debugHandlers } from "../../handlers/debug.ts";
import { testDatabase } from "../support/database.ts";

Deno.test("GET /jobs pages over the jobs of one tenant, and refuses what it cannot read", async () => {
  await using db = await testDatabase();
  const backoff = { baseMs: 1, factor: 1, capMs: 1 };
  const jobs = new Jobs({
    store: db.store,
    handlers: indexHandlers(debugHandlers),
    clock: systemClock,
    defaults: { maxAttempts: 3, maxCrashes: 3, backoff },
  });
  const app = createApp({ jobs, isWritable: () => db.store.isWritable() });
  const get = async (query: string) => {
    const response = await app.request(`/jobs${query}`);
    return { status: response.status, body: await response.json() };
  };
  const made = await jobs.enqueueMany(
    Array.from(
      { length: 5 },
      (_, n) => ({ type: "debug.noop", ...(n === 0 ? { delayMs: 9e6 } : {}) }),
    ),
  );
  await jobs.enqueue({ type: "debug.noop", tenantId: "other" });
  const first = await get("?limit=3");
  assertEquals(first.body.items.length, 3);
  const second = await get(`?limit=3&cursor=${first.body.nextCursor}`);
  const ids = [...first.body.items, ...second.body.items].map((job: { id: string }) => job.id);
  assertEquals(ids, made.map((job) => job.id).reverse());
  assertEquals(second.body.nextCursor, null);
  assertEquals((await get("?state=scheduled")).body.items.length, 1);
  assertEquals((await get("?state=scheduled,pending")).body.items.length, 5);
  assertEquals((await get("?tenantId=other")).body.items.length, 1);
  assertEquals((await get("?state=asleep")).status, 422);
  for (const query of ["?cursor=x", "?limit=0", "?limit=1001", "?nonsense=1"]) {
    assertEquals((await get(query)).status, 400, query);
  }
});
