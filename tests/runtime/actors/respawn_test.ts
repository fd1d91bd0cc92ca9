/** A name that is given again: the child is what its parent starts now, of the version its parent is of now. */
import { assertEquals } from "@std/assert";
import { fromTransition, setup } from "xstate";
import { defineMachine, type MachineDefinition } from "perdura";
import { createTestKit } from "perdura/testing";
import { testDatabase } from "../../support/database.ts";

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
