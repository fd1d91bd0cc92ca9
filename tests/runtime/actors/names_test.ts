/** Names of children in the actor system, in the database. */
import { assertEquals } from "@std/assert";
import { assign, createMachine, sendTo, setup } from "xstate";
import { createRuntime, defineMachine } from "perdura";
import { testDatabase } from "../../support/database.ts";

const clerk = createMachine({
  id: "clerk",
  context: { heard: 0 },
  on: { HELLO: { actions: assign({ heard: ({ context }) => context.heard + 1 }) } },
});

const office = defineMachine(
  setup({ actors: { clerk } }).createMachine({
    id: "office",
    initial: "open",
    states: {
      open: {
        invoke: { src: "clerk", id: "c", systemId: "clerk" },
        on: {
          CLOSE: "closed",
          ASK: { actions: sendTo(({ system }) => system.get("clerk"), { type: "HELLO" }) },
        },
      },
      closed: { on: { OPEN: "open" } },
    },
  }),
  { version: "1" },
);

Deno.test("a named child is started again before it has read that it was stopped", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [office] });
  const { actors } = runtime;
  await actors.start({ machine: "office", id: "o" });
  await runtime.drive({ budgetMs: 20_000 });
  // Nobody drives the child: its row holds its name until it has read its stop.
  for (const type of ["CLOSE", "OPEN", "ASK"]) await actors.send("o", { type });
  const { status, state } = await actors.get(null, "o");
  assertEquals([status, state], ["active", "open"]);
  await runtime.drive({ budgetMs: 20_000 });
  const child = await actors.get(null, "o/c");
  assertEquals([child.status, child.context], ["active", { heard: 1 }]);
  await actors.send("o", { type: "ASK" });
  await runtime.drive({ budgetMs: 20_000 });
  assertEquals((await actors.get(null, "o/c")).context, { heard: 2 });
});
