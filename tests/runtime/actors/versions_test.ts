/** Actors of earlier versions: pinned, adopted, migrated; and the look at all of them before a deploy. */
import { assert, assertEquals } from "@std/assert";
import { fromPromise, setup } from "xstate";
import {
  createRuntime,
  defineMachine,
  type MachineDefinition,
  type MachineEntry,
  type Runtime,
} from "perdura";
import type { Migration } from "../../../src/core/actor/mod.ts";
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
    await runtime.drive({ budgetMs: 20_000 });
    const { state, machineVersion, version } = await runtime.actors.get(null, "a");
    assertEquals([state, machineVersion, version], ["end", "2", 4]);
    const events = (await runtime.actors.history(null, "a", 0, 10)).map(({ event }) => event);
    assertEquals(events, ["START", "GO", "MIGRATE", "GO"]);
  }
  const strict = [{ definition: shorter, adopts: true }];
  {
    await using runtime = await createRuntime({ databaseUrl: db.url, machines: strict });
    await runtime.actors.post("b", { type: "GO" });
    await runtime.drive({ budgetMs: 20_000 });
    const { status, error } = await runtime.actors.get(null, "b");
    assertEquals([status, Object(error).code], ["blocked", "unknown_state"]);
    const [why] = await runtime.actors.explain(null, "b");
    assertEquals(why?.code, "blocked");
    assert(why?.message.includes("unknown_state"), why?.message);
  }
  await using runtime = await createRuntime({
    databaseUrl: db.url,
    machines: [{ definition: shorter, migrations }],
  });
  await runtime.drive({ budgetMs: 20_000 });
  const { status, state, machineVersion } = await runtime.actors.get(null, "b");
  assertEquals([status, state, machineVersion], ["active", "end", "2"]);
});

Deno.test("an actor whose chart is another under the same version is blocked once, until it is back", async () => {
  await using db = await testDatabase();
  const open = (machine: MachineDefinition) =>
    createRuntime({ databaseUrl: db.url, machines: [machine] });
  {
    await using runtime = await open(old);
    await runtime.actors.start({ machine: "way", id: "a" });
  }
  {
    await using runtime = await open(way("1", "start", "middle"));
    await runtime.actors.post("a", { type: "GO" });
    // Each of them sweeps.
    for (let slice = 0; slice < 3; slice++) await runtime.drive({ budgetMs: 20_000 });
    const { status, version } = await runtime.actors.get(null, "a");
    assertEquals([status, version], ["blocked", 2]);
  }
  await using runtime = await open(old);
  for (let slice = 0; slice < 2; slice++) await runtime.drive({ budgetMs: 20_000 });
  const past = await runtime.actors.history(null, "a", 0, 10);
  assertEquals(past.map(({ event }) => event), ["START", "BLOCK", "UNBLOCK", "GO"]);
});

Deno.test("blocked actors that have to stay hide nobody: they are looked at in parts", async () => {
  await using db = await testDatabase();
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [old] });
  for (const id of ["a", "b", "c"]) await runtime.actors.start({ machine: "way", id });
  await db.sql`update perdura.actor set status = 'blocked'`;
  const { actors } = db.store;
  const known = [{ name: "way", version: "1" }];
  const first = await actors.blocked(known, { after: null, limit: 2 });
  assertEquals(first.map(({ id }) => id), ["a", "b"]);
  const next = await actors.blocked(known, { after: first[1] ?? null, limit: 2 });
  assertEquals(next.map(({ id }) => id), ["c"]);
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

Deno.test("a check sees armed timers, work under way and events put off; migrations answer for them", async () => {
  await using db = await testDatabase();
  const machine = (version: string, waiting: object, isKnown: boolean) =>
    defineMachine(
      setup({ actors: { pack: fromPromise(() => Promise.resolve(1)) } }).createMachine({
        id: "trip",
        initial: "waiting",
        states: {
          waiting: { on: { GO: "going" }, ...waiting },
          going: isKnown ? { on: { LAND: "over" } } : {},
          over: {},
        },
      }),
      { version, unhandled: "defer" },
    );
  const work = { invoke: { src: "pack", id: "pack" }, after: { 60_000: "over" } };
  const trip = machine("1", work, true);
  {
    await using runtime = await createRuntime({ databaseUrl: db.url, machines: [trip] });
    await runtime.actors.start({ machine: "trip", id: "t" });
    const { outcome } = await runtime.actors.send("t", { type: "LAND" });
    assertEquals(outcome, "deferred");
  }
  const check = async (...machines: ConstructorParameters<typeof Machines>[0]) => {
    const { stranded } = await checkMachines(db.store.actors, new Machines(machines));
    return stranded.map(({ path }) => path).sort();
  };
  const timer = "xstate.after.60000.trip.waiting";
  assertEquals(await check(trip), []);
  const changed = machine("1", {}, false);
  const all = ["children.pack.state", "deferred.LAND", "machine.hash", `timers.${timer}`];
  assertEquals(await check(changed), all);
  const bare = machine("2", {}, true);
  assertEquals(await check({ definition: bare, adopts: true }), ["children.pack.state"]);
  const without = <T extends { children: unknown; timers: unknown }>(draft: T) => ({
    ...draft,
    children: {},
    timers: {},
  });
  const way = { from: "1", to: "2", migrate: without };
  const deaf = machine("2", {}, false);
  assertEquals(await check({ definition: bare, migrations: [way] }), []);
  assertEquals(await check({ definition: deaf, migrations: [way] }), ["deferred.LAND"]);
  const forgetting = { definition: deaf, migrations: [{ ...way, forget: ["LAND"] }] };
  assertEquals(await check(forgetting), []);
  await using runtime = await createRuntime({ databaseUrl: db.url, machines: [forgetting] });
  await runtime.actors.post("t", { type: "GO" });
  // Turns alone: what takes the actor over would also do its work, for as long as it is not left.
  await runtime.drive({ budgetMs: 20_000, types: ["none"] });
  const past = await runtime.actors.history(null, "t", 2, 10);
  assertEquals(past.map(({ event, outcome, reason }) => [event, outcome, reason]), [
    ["MIGRATE", "replaced", null],
    ["LAND", "unhandled", "forgotten"],
    ["GO", "handled", null],
  ]);
  const [left] = await db.sql`select count(*)::int as n from perdura.mailbox where deferred`;
  assertEquals(left?.n, 0);
});

Deno.test("who has ended has ended, though mail comes when its version is not here any more", async () => {
  await using db = await testDatabase();
  const ending = (version: string) => {
    const states = { on: { on: { GO: "over" } }, over: { type: "final" } } as const;
    const machine = setup({}).createMachine({ id: "ending", initial: "on", states });
    return defineMachine(machine, { version });
  };
  {
    await using before = await createRuntime({ databaseUrl: db.url, machines: [ending("1")] });
    await before.actors.start({ machine: "ending", id: "e" });
    await before.actors.send("e", { type: "GO" });
  }
  await using after = await createRuntime({ databaseUrl: db.url, machines: [ending("2")] });
  await db.sql`select perdura.send('e', '{"type":"GO"}')`;
  await after.drive({ budgetMs: 20_000 });
  assertEquals((await after.actors.get(null, "e")).status, "done");
  const [last] = await after.actors.history(null, "e", null, 1);
  assertEquals([last?.event, last?.outcome], ["GO", "ended"]);
});

/** A nest with a bird that knows one state. */
function nest(version: string, song: string): MachineDefinition {
  const bird = setup({}).createMachine({ id: "bird", initial: song, states: { [song]: {} } });
  const machine = setup({ actors: { bird } }).createMachine({
    id: "nest",
    initial: "full",
    states: {
      full: { invoke: { src: "bird", id: "b" }, on: { SHAKE: { target: "full", reenter: true } } },
    },
  });
  return defineMachine(machine, { version });
}

Deno.test("a child that its root's new version cannot take over has two ways out", async () => {
  await using db = await testDatabase();
  const open = (...machines: MachineEntry[]) => createRuntime({ databaseUrl: db.url, machines });
  const entry = (migrate: Migration["migrate"]): MachineEntry => ({
    definition: nest("2", "trill"),
    migrations: [{ from: "1", to: "2", migrate }],
  });
  const kept = entry((draft) => draft);
  const dropped = entry((draft) => ({ ...draft, children: {} }));
  const first = { definition: nest("1", "chirp") };
  const stands = async (runtime: Runtime, id: string) => {
    const { machineVersion, status } = await runtime.actors.get(null, id);
    return `${machineVersion} ${status}`;
  };
  {
    await using runtime = await open(first);
    for (const id of ["kept", "dropped"]) await runtime.actors.start({ machine: "nest", id });
    await runtime.drive();
  }
  {
    await using runtime = await open(kept);
    for (const id of ["kept", "kept/b"]) await runtime.actors.post(id, { type: "HEAR" });
    await runtime.drive();
    assertEquals([await stands(runtime, "kept"), await stands(runtime, "kept/b")], [
      "2 active",
      "1 blocked",
    ]);
  }
  {
    await using runtime = await open(kept, first);
    await runtime.drive();
    assertEquals(await stands(runtime, "kept/b"), "1 active");
  }
  await using runtime = await open(dropped);
  await runtime.actors.post("dropped", { type: "HEAR" });
  await runtime.drive();
  assertEquals([await stands(runtime, "dropped"), await stands(runtime, "dropped/b")], [
    "2 active",
    "1 cancelled",
  ]);
  await runtime.actors.send("dropped", { type: "SHAKE" });
  await runtime.drive();
  assertEquals(await stands(runtime, "dropped/b"), "2 active");
});
