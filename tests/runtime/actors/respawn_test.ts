/** A name that is given again: the child is what its parent starts now, of the version its parent is of now. */
import { assertEquals } from "@std/assert";
import { type AnyStateMachine, assign, fromPromise, fromTransition, setup } from "xstate";
import { createRuntime, defineMachine, type MachineDefinition } from "perdura";
import { createTestKit } from "perdura/testing";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";
import { untilBlocked } from "../../support/locks.ts";

/** Says which chart it is of by its state. */
function named(state: string) {
  return setup({}).createMachine({ id: state, initial: state, states: { [state]: {} } });
}

const parent = setup({
  actors: {
    one: named("one"),
    two: named("two"),
    count: fromTransition((n: number) => n + 1, 7),
  },
}).createMachine({
  id: "parent",
  initial: "first",
  states: {
    first: { invoke: { src: "one", id: "kid" }, on: { NEXT: "second", OUT: "out" } },
    second: { invoke: { src: "two", id: "kid" }, on: { NEXT: "third", OUT: "out" } },
    third: { invoke: { src: "count", id: "kid" }, on: { NEXT: "first", OUT: "out" } },
    out: { on: { FIRST: "first", SECOND: "second", THIRD: "third" } },
  },
});

for (const way of ["at once", "later"]) {
  Deno.test(`another source may have the name of a child that was stopped: ${way}`, async () => {
    await using db = await testDatabase();
    const machines = [defineMachine(parent, { version: "1" })];
    await using kit = await createTestKit({ databaseUrl: db.url, machines });
    const kid = async () => {
      await kit.untilIdle();
      const { status, state, machine, context } = await kit.actors.get(null, "p/kid");
      return [status, state, machine, context];
    };
    const go = async (to: string) => {
      if (way === "at once") return await kit.actors.send("p", { type: "NEXT" });
      await kit.actors.send("p", { type: "OUT" });
      await kit.untilIdle();
      return await kit.actors.send("p", { type: to });
    };
    await kit.actors.start({ machine: "parent", id: "p" });
    assertEquals(await kid(), ["active", "one", "parent/one", {}]);
    await go("SECOND");
    assertEquals(await kid(), ["active", "two", "parent/two", {}]);
    await go("THIRD");
    assertEquals(await kid(), ["active", "", "parent/count", 7]);
    await go("FIRST");
    assertEquals(await kid(), ["active", "one", "parent/one", {}]);
  });
}

function version(version: string, state: string): MachineDefinition {
  const machine = setup({ actors: { kid: named(state) } }).createMachine({
    id: "parent",
    initial: "on",
    states: {
      on: { invoke: { src: "kid", id: "kid" }, on: { OFF: "off" } },
      off: { on: { ON: "on" } },
    },
  });
  return defineMachine(machine, { version });
}

for (const isOldHere of [false, true]) {
  Deno.test(`a child that is started again after its parent was taken over is of the new version${isOldHere ? ", where the old one is here too" : ""}`, async () => {
    await using db = await testDatabase();
    const [old, next] = [version("1", "one"), version("2", "two")];
    {
      await using kit = await createTestKit({ databaseUrl: db.url, machines: [old] });
      await kit.actors.start({ machine: "parent", id: "p" });
      await kit.untilIdle();
      await kit.actors.send("p", { type: "OFF" });
      await kit.untilIdle();
    }
    {
      await using kit = await createTestKit({
        databaseUrl: db.url,
        machines: [{ definition: next, adopts: true }],
      });
      // Its first turn here takes it over.
      await kit.actors.post("p", { type: "NOTHING" });
      await kit.untilIdle();
    }
    const machines = [...isOldHere ? [old] : [], { definition: next, adopts: true }];
    await using kit = await createTestKit({ databaseUrl: db.url, machines });
    await kit.actors.send("p", { type: "ON" });
    await kit.untilIdle();
    const { status, state, machineVersion } = await kit.actors.get(null, "p/kid");
    assertEquals([status, state, machineVersion], ["active", "two", "2"]);
    const past = await kit.actors.history(null, "p/kid", 0, 20);
    assertEquals(past.map(({ event }) => event), ["START", "STOP", "START"]);
  });
}

Deno.test("where its parent's version is not here, it is of the one it had, and blocks nobody", async () => {
  await using db = await testDatabase();
  const [old, next] = [version("1", "one"), version("2", "two")];
  {
    await using kit = await createTestKit({ databaseUrl: db.url, machines: [old] });
    await kit.actors.start({ machine: "parent", id: "p" });
    await kit.untilIdle();
    await kit.actors.send("p", { type: "OFF" });
    await kit.untilIdle();
  }
  {
    const machines = [{ definition: next, adopts: true }];
    await using kit = await createTestKit({ databaseUrl: db.url, machines });
    await kit.actors.post("p", { type: "NOTHING" });
    await kit.untilIdle();
    await kit.actors.send("p", { type: "ON" });
  }
  await using kit = await createTestKit({ databaseUrl: db.url, machines: [old] });
  await kit.untilIdle();
  const { status, state, machineVersion } = await kit.actors.get(null, "p/kid");
  assertEquals([status, state, machineVersion], ["active", "one", "1"]);
});

/** Two in a row of the same name, which is held up in its work, or has a child of its own. */
function twice(kid: AnyStateMachine) {
  return defineMachine(
    setup({ actors: { kid } }).createMachine({
      id: "parent",
      initial: "one",
      states: {
        one: { invoke: { src: "kid", id: "kid", input: 1, onDone: "two" }, on: { NEXT: "two" } },
        two: { invoke: { src: "kid", id: "kid", input: 2, onDone: "over" } },
        over: {},
      },
    }),
    { version: "1" },
  );
}

Deno.test("a child that is started again may have a child again", async () => {
  await using db = await testDatabase();
  const grand = setup({}).createMachine({
    id: "grand",
    initial: "on",
    states: { on: { after: { 10: "off" } }, off: { type: "final" } },
  });
  const kid = setup({ actors: { grand } }).createMachine({
    id: "kid",
    initial: "on",
    states: { on: { invoke: { src: "grand", id: "g", onDone: "off" } }, off: { type: "final" } },
  });
  await using kit = await createTestKit({ databaseUrl: db.url, machines: [twice(kid)] });
  await kit.actors.start({ machine: "parent", id: "p" });
  for (let n = 0; n < 2; n++) await kit.advance(10);
  assertEquals((await kit.actors.get(null, "p")).state, "over");
  const past = await kit.actors.history(null, "p/kid/g", 0, 10);
  assertEquals(past.map(({ outcome }) => outcome), ["started", "handled", "started", "handled"]);
});

Deno.test("what a child had under way is not taken for the work of the one that is started after it", async () => {
  await using db = await testDatabase();
  const works = [1, 2].map(() => Promise.withResolvers<string>());
  let begun = 0;
  const kid = setup({
    types: {} as { context: { n: number; got: string }; input: number },
    actors: {
      work: fromPromise<string, number>(({ input }) => {
        begun++;
        return works[input - 1]?.promise ?? Promise.reject(new Error("No such work"));
      }),
    },
  }).createMachine({
    id: "kid",
    context: ({ input }) => ({ n: input, got: "" }),
    initial: "at",
    states: {
      at: {
        invoke: {
          src: "work",
          id: "work",
          input: ({ context }) => context.n,
          onDone: { target: "has", actions: assign({ got: ({ event }) => event.output }) },
        },
      },
      has: {},
    },
  });
  const machines = [twice(kid)];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines, pollMs: 50 });
  const { actors } = runtime;
  await actors.start({ machine: "parent", id: "p" });
  runtime.work();
  await eventually("the first is at it", () => Promise.resolve(begun === 1));
  const hold = await db.sql.reserve();
  await hold`begin`;
  await hold`select from perdura.actor where id = 'p/kid' for update`;
  await actors.send("p", { type: "NEXT" });
  // Its stop and the next start are read, and not committed, when its work is done.
  await untilBlocked(db.sql);
  works[0]?.resolve("of one");
  await eventually("its work is mail", async () => {
    return (await db.sql`select from perdura.mailbox where kind = 'done'`).length === 1;
  });
  await hold`commit`;
  hold.release();
  await eventually("the second is at it, and the mail is read", async () => {
    const mail = await db.sql`select from perdura.mailbox`;
    return begun === 2 && mail.length === 0;
  });
  works[1]?.resolve("of two");
  await eventually(
    "its work is done",
    async () => (await actors.get(null, "p/kid")).state === "has",
  );
  const { context } = await actors.get(null, "p/kid");
  assertEquals(context, { n: 2, got: "of two" });
  const past = await actors.history(null, "p/kid", 0, 10);
  assertEquals(past.map(({ event, outcome }) => `${event} ${outcome}`), [
    "START started",
    "STOP cancelled",
    "START started",
    "xstate.done.actor.work stale",
    "xstate.done.actor.work handled",
  ]);
});
