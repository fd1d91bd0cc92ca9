/** A process that was frozen on its way to begin an activity begins none past a gate closed meanwhile. */
import { assertEquals } from "@std/assert";
import { fromPromise, setup } from "xstate";
import { createRuntime, defineMachine } from "perdura";
import { Database } from "../../../src/store/database.ts";
import { eventually } from "../../support/build.ts";
import { type TestDatabase, testDatabase } from "../../support/database.ts";

const TENANT = { tenantId: "default", kind: "tenant", name: "" } as const;

const begun: number[] = [];
const work = fromPromise<void, number>(async ({ input }) => void await begun.push(input));
const step = (n: number, next: string) => ({
  invoke: { src: "work" as const, input: n, onDone: next },
});
const chart = setup({ actors: { work } }).createMachine({
  id: "two",
  initial: "one",
  states: { one: step(1, "two"), two: step(2, "over"), over: { type: "final" } },
});
const machines = [defineMachine(chart, { version: "1" })];

/** The first statement with these words is sent when the tenant has been paused, as it was made before. */
function pausedBefore(words: string, db: TestDatabase): Disposable {
  const { queryBefore } = Database.prototype;
  let isFirst = true;
  Database.prototype.queryBefore = async function (next, text, parameters) {
    if (isFirst && text.includes(words)) {
      isFirst = false;
      await db.store.gates.setPause(TENANT, true, false);
    }
    return await queryBefore.call(this, next, text, parameters);
  };
  return { [Symbol.dispose]: () => void Object.assign(Database.prototype, { queryBefore }) };
}

async function assertWaits(db: TestDatabase, n: number): Promise<void> {
  await eventually(`activity ${n} waits`, async () => {
    const [row, ...others] = await db.sql`select state, attempt, lease_id from perdura.job`;
    return others.length === 0 && row?.state === 0 && row.attempt === 0 && row.lease_id === null;
  });
  assertEquals(begun.includes(n), false);
}

for (
  const [what, words, n] of [
    ["by the commit of a turn", "-- Commit the turns of any mix of actors", 1],
    ["by a relay", "-- Commit activities that have succeeded", 2],
  ] as const
) {
  Deno.test(`an activity that is begun ${what} waits when a pause came in between`, async () => {
    await using db = await testDatabase();
    await using runtime = await createRuntime({ databaseUrl: db.url, machines });
    runtime.work();
    await runtime.actors.start({ machine: "two", id: "warm" });
    await runtime.actors.wait(null, "warm", "done");
    begun.length = 0;
    using _paused = pausedBefore(words, db);
    await runtime.actors.start({ machine: "two", id: "late" });
    await assertWaits(db, n);
    await db.store.gates.setPause(TENANT, false, false);
    await runtime.actors.wait(null, "late", "done");
    assertEquals(begun, [1, 2]);
  });
}
