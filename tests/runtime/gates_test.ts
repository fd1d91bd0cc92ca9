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
function gatesOf(db: TestDatabase, store: GateStore, handlers: readonly Handler[] = []): Gates {
  return new Gates({
    ...{ store, clock: systemClock, random: systemRandom, pollMs: 1_000, tenantRate: null },
    glance: new Glance(db.store, systemClock, 1_000),
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
