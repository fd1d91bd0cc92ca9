/** Many callers of one actor in one process: each has its turn, and none works in vain. */
import { assertEquals, assertRejects } from "@std/assert";
import { assign, setup } from "xstate";
import { createRuntime, defineMachine, TransitionRejectedError, UnavailableError } from "perdura";
import { Lines } from "../../../src/runtime/lines.ts";
import { testDatabase } from "../../support/database.ts";

const counting = setup({ types: {} as { context: { n: number } } }).createMachine({
  id: "counting",
  context: { n: 0 },
  initial: "open",
  states: {
    open: {
      on: {
        ADD: { actions: assign({ n: ({ context }) => context.n + 1 }) },
        CLOSE: "closed",
      },
    },
    closed: { on: { OPEN: "open" } },
  },
});

Deno.test("sixty callers of one actor at once have their turns in order, and are refused in theirs", async () => {
  await using db = await testDatabase();
  const machine = defineMachine(counting, { version: "1", unhandled: "reject" });
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [machine] });
  const { actors } = runtime;
  await actors.start({ machine: "counting", id: "one" });
  const count = 60;
  const answers = await Promise.allSettled(Array.from({ length: count }, (_, n) => {
    return actors.send("one", { type: n === 30 ? "CLOSE" : "ADD" });
  }));
  // In the order in which they were asked: what is not accepted is refused, and not recorded as mail.
  assertEquals(
    answers.map(({ status }) => status),
    answers.map((_, n) => n <= 30 ? "fulfilled" : "rejected"),
  );
  const { context, version } = await actors.get(null, "one");
  assertEquals([context, version], [{ n: 30 }, 32]);
  // What is no event waits in the same line.
  await Promise.all(Array.from({ length: 30 }, () => actors.rewind("one", { at: 2 })));
  assertEquals((await actors.get(null, "one")).version, 62);
});

Deno.test("an event that had to go by mail is refused like any other", async () => {
  await using db = await testDatabase();
  const machine = defineMachine(counting, { version: "1", unhandled: "reject" });
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [machine] });
  const { actors } = runtime;
  await actors.start({ machine: "counting", id: "one" });
  // More than one turn reads: who comes now waits behind it.
  await Promise.all(Array.from({ length: 120 }, () => actors.post("one", { type: "ADD" })));
  await assertRejects(() => actors.send("one", { type: "OPEN" }), TransitionRejectedError, "ADD");
  assertEquals((await actors.get(null, "one")).context, { n: 120 });
});

Deno.test("who is behind somebody without a database is told so, and whoever comes later asks again", async () => {
  const lines = new Lines();
  const asked: string[] = [];
  const pass = (name: string, fault: Error | null) =>
    lines.pass("one", async () => {
      asked.push(name);
      await Promise.resolve();
      if (fault) throw fault;
      return name;
    });
  const fault = new UnavailableError("The database is away");
  const first = pass("first", new Error("its own"));
  const others = [pass("second", null), pass("third", fault), pass("fourth", null)];
  await assertRejects(() => first, Error, "its own");
  const settled = await Promise.allSettled(others);
  assertEquals(settled.map(({ status }) => status), ["fulfilled", "rejected", "rejected"]);
  assertEquals(await pass("fifth", null), "fifth");
  assertEquals(asked, ["first", "second", "third", "fifth"]);
});
