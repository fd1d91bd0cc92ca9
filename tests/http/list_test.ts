/** GET /jobs. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { systemClock } from "../../src/core/clock.ts";
import { createApp } from "../../src/http/app.ts";
import { indexHandlers } from "../../src/runtime/handlers.ts";
import { Jobs } from "../../src/runtime/jobs.ts";
import { debugHandlers } from "../../handlers/debug.ts";
import { testDatabase } from "../support/database.ts";
import * as sql from "../../sql/mod.ts";
import { itemsOf, jobIn, testApi } from "./support.ts";

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
  for (
    const query of [
      "?state=asleep",
      "?type=a%20b",
      "?cursor=x",
      "?limit=0",
      "?limit=1001",
      "?nonsense=1",
    ]
  ) {
    assertEquals((await get(query)).status, 400, query);
  }
});

Deno.test("a page of a filter that matches little goes on, looking at a bounded number", async () => {
  await using api = await testApi();
  const rare = await jobIn(api, "succeeded", { tags: ["rare"] });
  await api.db.sql.unsafe(`
    insert into perdura.job_archive (
      tenant_id, id, lane, run_at, created_at, timeout_ms, version, state, priority, attempt,
      max_attempts, crashes, max_crashes, has_data, has_output, queue, type, payload)
    select 'default', ('ffffffff-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid, 1, now(), now(),
           1000, 3, 4, 0, 1, 3, 0, 3, false, false, 'default', 'debug.noop', '1'
      from generate_series(1, 60000) g`);
  const found: unknown[] = [];
  let cursor: unknown = null;
  do {
    const after: string = cursor === null ? "" : `&cursor=${cursor}`;
    const page = await api.get(`/jobs?tag=rare&limit=10${after}`);
    assertEquals(page.status, 200);
    found.push(...itemsOf(page).map(({ id }) => id));
    assertNotEquals(page.body.nextCursor, cursor);
    cursor = page.body.nextCursor;
  } while (cursor !== null);
  assertEquals(found, [rare]);
  await api.db.sql.unsafe("analyze perdura.job_archive");
  const plan = await api.db.sql.unsafe(
    `explain (format json) ${sql.listEdge}`,
    ["default", "ffffffff-ffff-ffff-ffff-ffffffffffff", 5000, true, true, true],
  );
  const scans = JSON.stringify(plan).match(/"Seq Scan"[^}]*"job_archive_default"/g);
  assertEquals(scans, null);
});

Deno.test("actors that have stalled are all on one page, however many are on their way", async () => {
  await using api = await testApi();
  await api.db.sql.unsafe(`
    insert into perdura.actor (
      tenant_id, id, uid, root_id, machine, root_machine, machine_version, machine_hash, status, state,
      tags, version)
    select 'default', lpad(n::text, 8, '0'), gen_random_uuid(), 'r', 'm', 'm', '1', 'h',
           case when n % 60000 = 59999 then 'stalled' else 'active' end, 'a', '{}', 1
      from generate_series(1, 60000) n`);
  const page = await api.get("/actors?status=stalled");
  assertEquals(itemsOf(page).map(({ id }) => id), ["00059999"]);
  assertEquals(page.body.nextCursor, null);
});
