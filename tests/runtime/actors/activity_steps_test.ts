/** Steps of an activity: a later attempt goes on behind the last one that was stored. */
import { assertEquals } from "@std/assert";
import { assign, fromPromise, setup } from "xstate";
import { activityContext, createRuntime, defineMachine } from "perdura";
import { testDatabase } from "../../support/database.ts";

Deno.test("an activity that fails behind its second step does the first two once", async () => {
  await using db = await testDatabase();
  const done: string[] = [];
  const pack = fromPromise<number, { items: number }>(async ({ input, self }) => {
    const { job, step } = activityContext(self);
    let packed = 0;
    for (let n = 1; n <= input.items; n++) {
      if (job.attempt === 1 && n === 3) throw new Error("The tape has run out");
      packed += await step(`item ${n}`, () => {
        done.push(`attempt ${job.attempt}, item ${n}`);
        return n;
      });
    }
    return packed;
  });
  const chart = setup({
    types: {} as { context: { packed: number } },
    actors: { pack },
    actions: { keep: assign({ packed: ({ event }) => Number(Object(event).output) }) },
  }).createMachine({
    id: "parcel",
    context: { packed: 0 },
    initial: "packing",
    states: {
      packing: {
        invoke: {
          src: "pack",
          input: { items: 4 },
          onDone: { target: "packed", actions: "keep" },
        },
      },
      packed: { type: "final" },
    },
  });
  const parcel = defineMachine(chart, {
    version: "1",
    actors: { pack: { maxAttempts: 2, baseMs: 1 } },
  });
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [parcel] });
  runtime.work();
  await runtime.actors.start({ machine: "parcel", id: "p" });
  const over = await runtime.actors.wait(null, "p", "done");
  assertEquals(over?.context, { packed: 10 });
  assertEquals(done, [
    "attempt 1, item 1",
    "attempt 1, item 2",
    "attempt 2, item 3",
    "attempt 2, item 4",
  ]);
});
