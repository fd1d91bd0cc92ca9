/** What comes to a child before it has begun. */
import { assertEquals } from "@std/assert";
import { assign, createActor, sendTo, setup } from "xstate";
import { createRuntime, defineMachine } from "perdura";
import { testDatabase } from "../../support/database.ts";

type Said = { type: "TO_SELF" } | { type: "FROM_PARENT" };

const child = setup({ types: {} as { context: { read: string[] }; events: Said } }).createMachine({
  id: "child",
  context: { read: [] },
  entry: sendTo(({ self }) => self, { type: "TO_SELF" }),
  on: {
    "*": { actions: assign({ read: ({ context, event }) => [...context.read, event.type] }) },
  },
});

const greet = sendTo("c", { type: "FROM_PARENT" });
const parent = setup({ actors: { child } }).createMachine({
  id: "parent",
  initial: "alone",
  states: {
    alone: { on: { GO: "together" } },
    together: { entry: greet, invoke: { src: "child", id: "c" }, on: { BACK: "alone" } },
  },
});

Deno.test("what an entry sends to the child of its own state is the first that this one reads, each time", async () => {
  const events = [{ type: "GO" }, { type: "BACK" }, { type: "GO" }] as const;
  const live = createActor(parent).start();
  for (const event of events) live.send(event);
  const wanted = live.getSnapshot().children.c?.getSnapshot().context;
  live.stop();
  assertEquals(wanted, { read: ["FROM_PARENT", "TO_SELF"] });
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [defineMachine(parent, { version: "1" })],
  });
  await runtime.actors.start({ machine: "parent", id: "p" });
  for (const event of events) {
    await runtime.actors.send("p", event);
    await runtime.drive({ budgetMs: 20_000 });
    if (event.type === "BACK") continue;
    const { context } = await runtime.actors.get(null, "p/c");
    assertEquals(context, { ...wanted });
  }
});

Deno.test("a child that starts again before its turn reads nothing that the one before it has sent itself", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [defineMachine(parent, { version: "1" })],
  });
  await runtime.actors.start({ machine: "parent", id: "p" });
  for (const type of ["GO", "BACK", "GO"]) await runtime.actors.send("p", { type });
  await runtime.drive({ budgetMs: 20_000 });
  const { context } = await runtime.actors.get(null, "p/c");
  assertEquals(context, { read: ["FROM_PARENT", "TO_SELF"] });
});
