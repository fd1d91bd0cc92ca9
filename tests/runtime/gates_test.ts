/** What is known of gates, and how new it is. */
import { assertEquals } from "@std/assert";
import { z } from "zod";
import { systemClock, systemRandom } from "../../src/core/clock.ts";
import { over } from "../../src/core/over.ts";
import { Gates } from "../../src/runtime/gates.ts";
import { Glance } from "../../src/runtime/glance.ts";
import { defineHandler, type Handler, indexHandlers } from "../../src/runtime/handlers.ts";
import type { GateStore } from "../../src/store/store.ts";
import { eventually } from "../support/build.ts";
import { type TestDatabase, testDatabase } from "../support/database.ts";

/** What is known here of the gates of a store. */
function gatesOf(
  db: TestDatabase,
  store: GateStore,
  handlers: readonly Handler[] = [],
  glance = () => db.store.glance(),
): Gates {
  return new Gates({
    ...{ store, clock: systemClock, random: systemRandom, pollMs: 1_000, tenantRate: null },
    glance: new Glance({ store: { glance }, clock: systemClock, pollMs: 1_000 }),
    handlers: indexHandlers(handlers),
    onCooled: () => Promise.resolve(),
    onChange: () => {},
    onFailure: () => {},
  });
}

Deno.test("gates that change while they are read are read again", async () => {
  await using db = await testDatabase();
  const answers: (() => void)[] = [];
  const store = over<GateStore>(db.store.gates, {
    read: async (change) => {
      const list = await db.store.gates.read(change);
      await new Promise<void>((done) => answers.push(done));
      return list;
    },
  });
  const gates = gatesOf(db, store);
  const read = async (meanwhile: () => void) => {
    const reading = gates.refresh();
    await eventually("they are read", () => Promise.resolve(answers.length === 1));
    meanwhile();
    answers.shift()?.();
    await reading;
    return gates.isFresh();
  };
  assertEquals(await read(() => gates.invalidate()), false);
  assertEquals(await read(() => {}), true);
});

for (
  const [limits, order] of [
    [{ concurrency: 3 }, ["declare", "read"]],
    [undefined, ["read", "declare"]],
  ] as const
) {
  const what = limits
    ? "limits are declared before gates are first read"
    : "what is no longer declared is taken back behind that";
  Deno.test(what, async () => {
    await using db = await testDatabase();
    const calls: string[] = [];
    const store = over<GateStore>(db.store.gates, {
      declare: (declared) => (calls.push("declare"), db.store.gates.declare(declared)),
      read: (change) => (calls.push("read"), db.store.gates.read(change)),
    });
    const handle = () => null;
    const limited = defineHandler({
      type: "a",
      input: z.unknown(),
      handle,
      ...(limits ? { limits } : {}),
    });
    const gates = gatesOf(db, store, [limited]);
    const running = gates.run();
    await eventually("it has done both", () => Promise.resolve(new Set(calls).size === 2));
    gates.stop();
    await running;
    assertEquals(calls.slice(0, 2), [...order]);
  });
}

/** Takes the gates back to where they were, as a standby that lags behind does when it takes over. */
async function restoring(db: TestDatabase) {
  await db.sql`create table gate_before as select * from perdura.gate`;
  const [before] = await db.sql`select n from perdura.gate_change`;
  return () =>
    db.sql.begin(async (tx) => {
      await tx`delete from perdura.gate`;
      await tx`insert into perdura.gate select * from gate_before`;
      await tx`update perdura.gate_change set n = ${before?.n}`;
    });
}

Deno.test("limits that a handler declares are declared again when a fail-over has lost them", async () => {
  await using db = await testDatabase();
  const restore = await restoring(db);
  const limits = { concurrency: 3 };
  const limited = defineHandler({ type: "a", input: z.unknown(), handle: () => null, limits });
  const gates = gatesOf(db, db.store.gates, [limited]);
  const running = gates.run();
  const isHeld = async () => {
    const [row] = await db.sql`
      select from perdura.gate where name = 'a' and concurrency = 3 and settles_at is null`;
    return row;
  };
  await eventually("the limit holds", isHeld);
  await restore();
  assertEquals(await isHeld(), undefined);
  await eventually("it holds again", isHeld);
  gates.stop();
  await running;
});

Deno.test("who was cut off reads gates anew, though their changes are as many as before", async () => {
  await using db = await testDatabase();
  const restore = await restoring(db);
  const pause = (name: string) =>
    db.store.gates.setPause({ tenantId: "acme", kind: "queue", name }, true, false);
  let isAway = false;
  let looks = 0;
  const gates = gatesOf(db, db.store.gates, [], () => {
    if (!isAway) return db.store.glance();
    looks++;
    return Promise.reject(new Error("away"));
  });
  const laneOf = (queue: string) => ({ tenantId: "acme", queue, type: "t", limitKey: null });
  const isPaused = (queue: string) => Promise.resolve(gates.opensAt(laneOf(queue)) === Infinity);
  const running = gates.run();
  await pause("lost");
  await eventually("it knows of the pause", () => isPaused("lost"));
  isAway = true;
  await eventually("it is cut off", () => Promise.resolve(looks > 0));
  await restore();
  await pause("new");
  isAway = false;
  await eventually("it knows of the other one", () => isPaused("new"));
  assertEquals(await isPaused("lost"), false);
  gates.stop();
  await running;
});
