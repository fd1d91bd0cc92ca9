/** Rows that a process has seen, on a database that lacks them by now: after a fail-over or a restore. */
import { assert, assertEquals } from "@std/assert";
import { systemRandom } from "../../src/core/clock.ts";
import { Lately } from "../../src/core/lately.ts";
import { over } from "../../src/core/over.ts";
import { Gates } from "../../src/runtime/gates.ts";
import { Glance } from "../../src/runtime/glance.ts";
import { Database } from "../../src/store/database.ts";
import { Enqueue } from "../../src/store/enqueue.ts";
import type { GateStore } from "../../src/store/store.ts";
import { buildJob, laneOf } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";

/** A clock to turn. */
function turned() {
  let ms = 0;
  return { now: () => ms, monotonic: () => ms, turn: (by: number) => ms += by };
}

Deno.test("a tenant that is gone is made again, and its jobs are found by their ids", async () => {
  await using db = await testDatabase();
  const database = new Database({ url: db.url });
  const clock = turned();
  const enqueue = new Enqueue(database, null, new Lately(clock));
  try {
    await enqueue.insertMany([buildJob()]);
    await db.sql`delete from perdura.tenant`;
    clock.turn(60_000);
    const job = buildJob();
    await enqueue.insertMany([job]);
    assertEquals((await db.store.get(null, job.id))?.id, job.id);
  } finally {
    await database.close();
  }
});

Deno.test("with a rate for all, the gate of a tenant that is gone is made again: its jobs start", async () => {
  await using db = await testDatabase();
  const clock = turned();
  let opened = 0;
  const store = over<GateStore>(db.store.gates, {
    open: (tenants) => (opened++, db.store.gates.open(tenants)),
  });
  const gates = new Gates({
    ...{ store, clock, random: systemRandom, pollMs: 1_000, tenantRate: 60 },
    glance: new Glance({ store: db.store, clock, pollMs: 1_000 }),
    handlers: new Map(),
    onCooled: () => Promise.resolve(),
    onChange: () => {},
    onFailure: () => {},
  });
  const lane = laneOf(buildJob());
  await gates.openFor([lane]);
  await gates.openFor([lane]);
  assertEquals(opened, 1);
  await db.sql`delete from perdura.gate`;
  clock.turn(60_000);
  await gates.openFor([lane]);
  const [gate] = await db.sql`select tenant_id from perdura.gate`;
  assert(gate, "no job of the tenant would ever start here");
});
