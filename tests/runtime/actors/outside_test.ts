/** Activities that are ended from outside: what comes has to be news that the actor can read. */
import { assertEquals, assertRejects } from "@std/assert";
import { createRuntime, defineMachine } from "perdura";
import { assign, fromPromise, setup } from "xstate";
import { InvalidInputError } from "../../../src/core/errors.ts";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";

/** Its activity ends from outside alone. */
const asker = setup({
  types: {} as { context: { got: unknown } },
  actors: {
    ask: fromPromise<unknown>(({ signal }) =>
      new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)))
    ),
  },
}).createMachine({
  id: "asker",
  context: { got: null },
  initial: "asking",
  states: {
    asking: {
      invoke: {
        src: "ask",
        onDone: { target: "told", actions: assign({ got: ({ event }) => event.output }) },
      },
    },
    told: {},
  },
});

/** What the codec makes nothing of, and where. */
const unreadable: readonly (readonly [unknown, string])[] = [
  [{ $: "Map", v: "x" }, "output"],
  [{ deep: [{ $: "Bytes", v: "%" }] }, "output.deep.0"],
  [{ $: "RegExp", v: ["(", ""] }, "output"],
  [{ $: "BigInt", v: "x" }, "output"],
  [{ $: "ActorRef", v: { address: "another" } }, "output"],
];

Deno.test("an output that its actor could not read is refused, and the activity goes on", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(asker, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  runtime.work();
  await runtime.actors.start({ machine: "asker", id: "a" });
  const id = await eventually("the activity runs", async () => {
    const [job] = await db.sql`
      select id from perdura.job where parent_id is not null and started_at is not null`;
    return job && String(job.id);
  });
  const end = (output: unknown) => {
    const ending = { kind: "succeeded", output: JSON.stringify(output) } as const;
    return runtime.jobs.end(id, { tenantId: "default", ifVersion: 2 }, ending);
  };
  for (const [output, path] of unreadable) {
    const refused = await assertRejects(() => end(output), InvalidInputError);
    assertEquals(refused.issues.map((issue) => issue.path), [path]);
  }
  assertEquals((await runtime.jobs.get(null, id)).version, 2);
  await end({ answer: { $: "Date", v: "2030-01-01T00:00:00.000Z" } });
  const actor = await runtime.actors.wait(null, "a", { state: "told" }, { timeoutMs: 60_000 });
  assertEquals(actor?.context, { got: { answer: { $: "Date", v: "2030-01-01T00:00:00.000Z" } } });
});
