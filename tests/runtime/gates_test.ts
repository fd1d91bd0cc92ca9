/** What is known of gates, and how new it is. */
import { assertEquals } from "@std/assert";
import { systemClock, systemRandom } from "../../src/core/clock.ts";
import { over } from "../../src/core/over.ts";
import { Gates } from "../../src/runtime/gates.ts";
import { Glance } from "../../src/runtime/glance.ts";
import type { GateStore } from "../../src/store/store.ts";
import { eventually } from "../support/build.ts";
import { testDatabase } from "../support/database.ts";

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
  const gates = new Gates({
    ...{ store, clock: systemClock, random: systemRandom, pollMs: 1_000, tenantRate: null },
    glance: new Glance(db.store, systemClock, 1_000),
    handlers: new Map(),
    onCooled: () => Promise.resolve(),
    onChange: () => {},
    onFailure: () => {},
  });
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
