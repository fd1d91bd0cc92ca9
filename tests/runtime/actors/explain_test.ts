/** What an actor waits for, as explain says it, and what then really moves it. */
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import { assign, enqueueActions, fromPromise, setup } from "xstate";
import { createRuntime, defineHandler, defineMachine } from "perdura";
import { eventually } from "../../support/build.ts";
import { testDatabase } from "../../support/database.ts";

const letGo = Promise.withResolvers<void>();
const parcel = setup({
  types: {} as {
    context: { n: number };
    events: { type: "GO" } | { type: "BREAK" } | { type: "WAIT" };
  },
  actors: { work: fromPromise(() => letGo.promise) },
  actions: {
    breaks: assign(() => {
      throw new Error("no such thing");
    }),
  },
}).createMachine({
  id: "parcel",
  context: { n: 0 },
  initial: "idle",
  states: {
    idle: { on: { GO: "working", BREAK: { actions: "breaks" }, WAIT: "waiting" } },
    working: { invoke: { src: "work", onDone: "over" } },
    waiting: { after: { 1500: "over" } },
    over: { type: "final" },
  },
});

Deno.test("an actor tells what it waits for: events, timers, activities, an operator", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(parcel, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  const { actors } = runtime;
  const codes = async (id: string) => (await actors.explain(null, id)).map(({ code }) => code);
  for (const id of ["a", "b", "c", "d"]) await actors.start({ machine: "parcel", id });

  assertEquals(await codes("a"), ["waits_for_event"]);
  const [first] = await actors.explain(null, "a");
  assert(first?.message.includes("BREAK, WAIT"), first?.message);
  await actors.send("a", { type: "GO" });
  const [waits] = await actors.explain(null, "a");
  assertEquals(waits?.code, "waits_for_activity");
  assert(waits?.message.includes("no_worker"), waits?.message);

  await actors.send("b", { type: "WAIT" });
  const [timer] = await actors.explain(null, "b");
  assertEquals(timer?.code, "waits_for_timer");
  assertEquals(timer?.message, 'Waits for its timer "after 1.5 s in waiting"');

  await actors.pause("c");
  assertEquals(await codes("c"), ["paused"]);
  await actors.post("c", { type: "GO" });
  assertEquals(await codes("c"), ["paused", "mail_waits"]);
  assertEquals((await actors.explain(null, "c"))[1]?.message, "1 event waits to be read");

  await actors.post("d", { type: "BREAK" });
  assertEquals(await codes("d"), ["mail_waits", "no_worker", "waits_for_event"]);
  {
    await using other = await createRuntime({ databaseUrl: db.url });
    other.work();
    await eventually("a worker without the machine is alive", async () => {
      return (await codes("d")).includes("no_capable_worker");
    });
    assertEquals((await actors.get(null, "d")).status, "active");
  }

  runtime.work();
  await eventually("it stalls", async () => (await codes("d"))[0] === "stalled");
  const [stalled] = await actors.explain(null, "d");
  assert(stalled?.message.includes("no such thing"), stalled?.message);
  letGo.resolve();
  for (const id of ["a", "b"]) await actors.wait(null, id, "done");
  assertEquals([await codes("a"), await codes("b")], [["ended"], ["ended"]]);
  const steps = await actors.history(null, "b", 0, 10);
  const end = steps.find(({ to }) => to === "over");
  assert(String(end?.at) >= String(timer?.until), `${end?.at} is before ${timer?.until}`);
  assertEquals((await actors.get(null, "c")).state, "idle");
  await actors.resume("c");
  await actors.wait(null, "c", "done");
});

const leaf = setup({}).createMachine({ id: "leaf" });
const herd = setup({
  types: {} as { context: object; events: { type: "GO" } },
  actors: { leaf, work: fromPromise(() => new Promise(() => {})) },
  actions: {
    begin: enqueueActions(({ enqueue }) => {
      for (let n = 0; n < 14; n++) {
        enqueue.spawnChild("leaf", { id: `leaf-${n}` });
        enqueue.spawnChild("work", { id: `work-${n}` });
      }
    }),
  },
}).createMachine({
  id: "herd",
  context: {},
  entry: "begin",
  initial: "idle",
  states: { idle: { on: { GO: "over" } }, over: { type: "final" } },
});

Deno.test("of many that an actor waits for, the first are told, and how many more there are", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(herd, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  const { actors } = runtime;
  await actors.start({ machine: "herd", id: "h" });
  const reasons = await actors.explain(null, "h");
  for (
    const [code, what] of [["waits_for_activity", "activities"], ["waits_for_child", "children"]]
  ) {
    const told = reasons.filter((each) => each.code === code).map(({ message }) => message);
    assertEquals(told.length, 11, code);
    assertEquals(told.at(-1), `Waits for 4 more of its ${what}`);
  }
  assertEquals(reasons.at(-1)?.message, "Waits for the event GO");
});

Deno.test("an activity that waits for the rate of every tenant says so", async () => {
  await using db = await testDatabase();
  const noop = defineHandler({ type: "noop", input: z.unknown(), handle: () => null });
  const machines = [defineMachine(parcel, { version: "1" })];
  const options = { databaseUrl: db.url, handlers: [noop], machines, tenantRate: 1 };
  await using runtime = await createRuntime(options);
  await runtime.enqueue(noop, null);
  assertEquals((await runtime.drive({ maxJobs: 1 })).ran, 1);
  await runtime.actors.start({ machine: "parcel", id: "a", event: { type: "GO" } });
  const [waits] = await runtime.actors.explain(null, "a");
  assert(waits?.message.includes("rate_limited"), waits?.message);
});

const kid = setup({
  types: {} as { context: object; input: { breaks: boolean } },
  actions: {
    check: assign(({ event }) => {
      if (Object(event).input.breaks) throw new Error("no such thing");
      return {};
    }),
  },
}).createMachine({
  id: "kid",
  context: {},
  entry: "check",
  initial: "over",
  states: { over: { type: "final" } },
});
const parent = setup({
  types: {} as { context: object; events: { type: "GO" } },
  actors: { kid },
  actions: {
    begin: enqueueActions(({ enqueue }) => {
      for (let n = 0; n < 110; n++) {
        const id = `d${String(n).padStart(3, "0")}`;
        enqueue.spawnChild("kid", { id, input: { breaks: false } });
      }
      enqueue.spawnChild("kid", { id: "zz", input: { breaks: true } });
    }),
  },
}).createMachine({ id: "parent", context: {}, entry: "begin", on: { GO: {} } });

Deno.test("a child that needs help is told of before a hundred that have ended", async () => {
  await using db = await testDatabase();
  const machines = [defineMachine(parent, { version: "1" })];
  await using runtime = await createRuntime({ databaseUrl: db.url, machines });
  const { actors } = runtime;
  await actors.start({ machine: "parent", id: "p" });
  await runtime.drive();
  const { children } = await actors.get(null, "p");
  assert(Array.isArray(children));
  const told = children.map(({ id, status }) => [id, status]);
  assertEquals([told.length, told[0], told[1], told[99]], [
    100,
    ["p/zz", "stalled"],
    ["p/d000", "done"],
    ["p/d098", "done"],
  ]);
  const reasons = await actors.explain(null, "p");
  // It stalled before it was anywhere.
  assertEquals(reasons.map(({ message }) => message), [
    'Waits for its child "p/zz", which is stalled',
  ]);
});
