/** Workers are seen while they live, and are gone when they stop. */
import { assertEquals } from "@std/assert";
import { debugHandlers } from "../../handlers/debug.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";
import { testWorker } from "../support/worker.ts";

Deno.test("a worker is seen alive, goes silent when it dies, and is gone when it stops", async () => {
  await using db = await testDatabase();
  {
    // It beats again only when its silence has been looked at, however long that takes.
    const seldom = { leaseMs: 3_600_000 };
    await using runtime = testWorker(db, debugHandlers, {
      ...{ queues: ["a"], concurrency: 7 },
      ...seldom,
    });
    const seen = await eventually("it beats", async () => (await db.store.workers.list())[0]);
    const { id, concurrency, queues, running, isAlive, types } = seen;
    assertEquals([id, concurrency, queues, running, isAlive], [
      runtime.worker.id,
      7,
      ["a"],
      0,
      true,
    ]);
    assertEquals(types, debugHandlers.map(({ type }) => type));
    await db.sql`update perdura.worker set beat_at = now() - interval '1 hour'`;
    assertEquals((await db.store.workers.list()).map((row) => row.isAlive), [false]);
  }
  await eventually("it is gone", async () => (await db.store.workers.list()).length === 0);
  await db.store.workers.beat({ ...BEAT, id: crypto.randomUUID() });
  await db.sql`update perdura.worker set beat_at = now() - interval '25 hours'`;
  await db.store.maintain();
  assertEquals(await db.store.workers.list(), []);
});

const BEAT = {
  everyMs: 100,
  version: "1",
  types: [],
  machines: [],
  charts: null,
  queues: null,
  partitionKey: null,
  concurrency: 1,
  running: 0,
} as const;
