/** Actors of earlier versions: pinned, adopted, migrated; and the look at all of them before a deploy. */
import { assertEquals } from "@std/assert";
import { setup } from "xstate";
import { createRuntime, defineMachine, type MachineDefinition } from "perdura";
import { checkMachines } from "../../../src/runtime/machine_check.ts";
import { Machines } from "../../../src/runtime/machines.ts";
import { testDatabase } from "../../support/database.ts";

/** A chart with these states, each with the way to the next. */
function way(version: string, ...states: string[]): MachineDefinition {
  const next = (n: number) => states[n + 1] === undefined ? {} : { on: { GO: states[n + 1] } };
  const machine = setup({}).createMachine({
    id: "way",
    initial: states[0] ?? "",
    states: Object.fromEntries(states.map((state, n) => [state, next(n)])),
  });
  return defineMachine(machine, { version });
}

const old = way("1", "start", "middle", "end");
const longer = way("2", "start", "middle", "end", "beyond");
const shorter = way("2", "start", "end");
const migrations = [{
  from: "1",
  to: "2",
  migrate: <T extends { value: unknown }>(draft: T) => ({
    ...draft,
    value: draft.value === "middle" ? "end" : draft.value,
  }),
}];

Deno.test("an actor is adopted where the chart allows it, migrated where it is told how", async () => {
  await using db = await testDatabase();
  {
    await using runtime = await createRuntime({ databaseUrl: db.url, machines: [old] });
    for (const id of ["a", "b"]) {
      await runtime.actors.start({ machine: "way", id, event: { type: "GO" } });
    }
  }
  {
    await using runtime = await createRuntime({
      databaseUrl: db.url,
      machines: [{ definition: longer, adopts: true }],
    });
    await runtime.actors.post("a", { type: "GO" });
    await runtime.drive({ budgetMs: 2_000 });
    const { state, machineVersion, version } = await runtime.actors.get(null, "a");
    assertEquals([state, machineVersion, version], ["end", "2", 4]);
    const events = (await runtime.actors.history(null, "a", 0, 10)).map(({ event }) => event);
    assertEquals(events, ["START", "GO", "MIGRATE", "GO"]);
  }
  const strict = [{ definition: shorter, adopts: true }];
  {
    await using runtime = await createRuntime({ databaseUrl: db.url, machines: strict });
    await runtime.actors.post("b", { type: "GO" });
    await runtime.drive({ budgetMs: 2_000 });
    const { status, error } = await runtime.actors.get(null, "b");
    assertEquals([status, Object(error).code], ["blocked", "unknown_state"]);
  }
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [{ definition: shorter, migrations }],
  });
  await runtime.drive({ budgetMs: 2_000 });
  const { status, state, machineVersion } = await runtime.actors.get(null, "b");
  assertEquals([status, state, machineVersion], ["active", "end", "2"]);
});

Deno.test("a chart that has lost an occupied state is found before the deploy", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [old] });
  for (const id of ["a", "b", "c"]) {
    await runtime.actors.start({ machine: "way", id, event: { type: "GO" } });
  }
  await runtime.actors.terminate("c", "over");
  const check = async (...machines: ConstructorParameters<typeof Machines>[0]) => {
    const { checked, stranded } = await checkMachines(db.store.actors, new Machines(machines));
    return [checked, stranded.map(({ state, path, actors }) => `${state} ${path} ${actors}`)];
  };
  assertEquals(await check(old), [2, []]);
  assertEquals(await check(old, longer), [2, []]);
  assertEquals(await check(longer), [2, ["middle machine.version 2"]]);
  assertEquals(await check({ definition: longer, adopts: true }), [2, []]);
  assertEquals(await check({ definition: shorter, adopts: true }), [2, ["middle value.middle 2"]]);
  assertEquals(await check({ definition: shorter, migrations }), [2, []]);
  assertEquals(await check(way("1", "start", "middle")), [2, ["middle machine.hash 2"]]);
});
