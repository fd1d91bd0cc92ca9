/**
 * What goes wrong when an XState machine is persisted naively: 22 findings, numbered as in
 * docs/xstate.md, which says which test shows which. Every test drives the machine through JSON at
 * each step. Here 1 to 14: timers, children, mail.
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  assign,
  cancel,
  createActor,
  createMachine,
  enqueueActions,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from "xstate";
import {
  type ActorSnapshot,
  ActorStalledError,
  defineMachine,
  doneMail,
  errorMail,
  MachineDefinitionError,
  step,
} from "../../../src/core/actor/mod.ts";
import { ev, kinds, order, work } from "./samples.ts";
import { World } from "./world.ts";

Deno.test("pitfall 1: a timer is an effect with its delay, and fires after a restart", () => {
  const world = new World().start("o", order);
  assertEquals(world.timers, [{ owner: "o", timerId: "xstate.after.1000.order.cart", at: 1000 }]);
  world.advance(999);
  assertEquals(world.snapshot("o").value, "cart");
  world.advance(1);
  assertEquals(world.snapshot("o").value, "expired");
});

Deno.test("pitfall 2: an invoked promise is spawned once, however often the snapshot is restored", () => {
  const world = new World().start("o", order).send("o", { type: "PAY" });
  for (let i = 0; i < 3; i++) world.send("o", { type: "NOTHING" });
  assertEquals(kinds(world.effects).filter((kind) => kind === "spawn").length, 1);
});

Deno.test("pitfall 3: a child that ended while the parent was away reports by mail", () => {
  const world = new World().start("o", order).send("o", { type: "PAY" });
  world.complete("o/pay", 7);
  assertEquals([world.snapshot("o").value, world.context("o")], ["done", { paid: 1 }]);
});

Deno.test("pitfall 4: what a machine sends to itself is an effect, not lost with the process", () => {
  const machine = createMachine({
    id: "m",
    initial: "a",
    states: {
      a: { on: { GO: { target: "b", actions: sendTo(({ self }) => self, { type: "ON" }) } } },
      b: { on: { ON: "c" } },
      c: {},
    },
  });
  const first = step(machine, { address: "m" });
  const { snapshot, effects } = step(machine, {
    address: "m",
    snapshot: first.snapshot,
    event: { type: "GO" },
  });
  assertEquals(snapshot.value, "b");
  assertEquals(effects, [{ kind: "send", to: "m", event: { type: "ON" } }]);
  assertEquals(new World().start("m", machine).send("m", { type: "GO" }).snapshot("m").value, "c");
});

const spawner = setup({ actors: { work } }).createMachine({
  id: "s",
  context: { refs: [] as unknown[], ids: [] as string[] },
  on: {
    ASSIGN: {
      actions: assign(({ context, spawn }) => {
        const ref = spawn("work");
        return { refs: [...context.refs, ref], ids: [...context.ids, ref.id] };
      }),
    },
    TWO: { actions: [spawnChild("work"), spawnChild("work")] },
    STOP: { actions: stopChild(({ event }) => Object(event).id) },
  },
});

Deno.test("pitfall 5: the id of an anonymous spawn is its own for ever, in ids and references too", () => {
  const world = new World().start("s", spawner);
  for (let i = 0; i < 3; i++) world.send("s", { type: "ASSIGN" });
  const ids = ["work#1", "work#2", "work#3"];
  assertEquals(Object.keys(world.snapshot("s").children ?? {}), ids);
  assertEquals(Object(world.context("s")).ids, ids);
  assertEquals(Object(world.context("s")).refs, ids.map((id) => ({ ref: `s/${id}` })));
  assertEquals(world.working, ids.map((id) => `s/${id}`));
});

Deno.test("pitfall 6: two anonymous spawnChild in one step are two children, and both are kept", () => {
  const world = new World().start("s", spawner).send("s", { type: "TWO" }).send("s", {
    type: "TWO",
  });
  const ids = ["work#1", "work#2", "work#3", "work#4"];
  assertEquals(Object.keys(world.snapshot("s").children ?? {}), ids);
  assertEquals(world.working, ids.map((id) => `s/${id}`));
  world.send("s", ev("STOP", { id: "work#2" }));
  assertEquals(world.working.length, 3);
});

Deno.test("pitfall 7: inline actor logic is refused when it is spawned, and at registration", () => {
  const machine = createMachine({
    id: "m",
    context: { ref: null as unknown },
    on: {
      A: { actions: assign({ ref: ({ spawn }) => spawn(work) }) },
      B: { actions: spawnChild(work) },
      C: { actions: enqueueActions(({ enqueue }) => enqueue.spawnChild(work)) },
    },
  });
  const { snapshot } = step(machine, { address: "m" });
  for (const type of ["A", "B", "C"]) {
    const error = assertThrows(
      () => step(machine, { address: "m", snapshot, event: { type } }),
      ActorStalledError,
    );
    assertEquals([error.code, error.path], ["inline_actor", `on.${type}.actions`]);
    assertStringIncludes(error.message, "setup({ actors })");
  }
  const problems =
    assertThrows(() => defineMachine(machine, { version: "1" }), MachineDefinitionError).problems;
  assertEquals(problems.map(({ path }) => path), ["on.B.actions"]);
});

Deno.test("pitfall 8: sendParent and system.get reach addresses; nobody is not oneself", () => {
  const child = createMachine({
    id: "child",
    on: {
      UP: { actions: sendParent({ type: "HELLO" }) },
      ASIDE: { actions: sendTo(({ system }) => system.get("clerk"), { type: "HI" }) },
      LATE: { actions: sendTo(({ system }) => system.get("clerk"), { type: "HI" }, { delay: 5 }) },
    },
  });
  const registry = { clerk: "root/office/clerk" };
  const { snapshot } = step(child, { address: "root/c", parent: "root", registry });
  const send = (type: string, known = registry) =>
    step(child, { address: "root/c", parent: "root", snapshot, event: { type }, registry: known })
      .effects;
  assertEquals(send("UP"), [{ kind: "send", to: "root", event: { type: "HELLO" } }]);
  assertEquals(send("ASIDE"), [{ kind: "send", to: "root/office/clerk", event: { type: "HI" } }]);
  const [late] = send("LATE");
  assert(late?.kind === "timer.set" && late.to === "root/office/clerk" && late.delayMs === 5);
  for (const type of ["ASIDE", "LATE"]) {
    const error = assertThrows(() => send(type, Object.create(null)), ActorStalledError);
    assertEquals([error.code, error.path], ["unknown_target", `on.${type}.actions`]);
  }
});

Deno.test("pitfall 9: the context factory runs once, in the first step, with its input", () => {
  let runs = 0;
  const machine = createMachine({
    id: "m",
    context: ({ input }) => {
      runs++;
      return { user: Object(input).user };
    },
    on: { X: {} },
  });
  const world = new World().start("m", machine, { user: "ada" }).send("m", { type: "X" }).send(
    "m",
    { type: "Y" },
  );
  assertEquals([runs, world.context("m")], [1, { user: "ada" }]);
});

Deno.test("pitfall 9: no code of a child runs in its parent's step", () => {
  let runs = 0;
  const grandchild = createMachine({ id: "g", context: () => ({ n: ++runs }) });
  const child = setup({ actors: { grandchild } }).createMachine({
    id: "c",
    context: () => ({ n: ++runs }),
    invoke: { src: "grandchild" },
  });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    context: ({ spawn }) => ({ ref: spawn("child", { id: "c" }) }),
    on: { X: {} },
  });
  const { snapshot, effects } = step(machine, { address: "m" });
  step(machine, { address: "m", snapshot, event: { type: "X" } });
  assertEquals([runs, kinds(effects)], [0, ["spawn"]]);
});

Deno.test("pitfall 10: dates, maps, sets, undefined, bigints, NaN and errors live in context and events", () => {
  const machine = createMachine({
    id: "m",
    context: {
      at: new Date(0),
      seen: new Set([1]),
      by: new Map([["a", 1n]]),
      none: undefined,
      nan: NaN,
      got: null as unknown,
    },
    on: { PUT: { actions: assign({ got: ({ event }) => event.value }) } },
  });
  const world = new World().start("m", machine).send("m", {
    type: "PUT",
    value: new RangeError("r"),
  });
  const context = Object(world.context("m"));
  assert(context.at instanceof Date && context.seen.has(1) && context.by.get("a") === 1n);
  assert("none" in context && Number.isNaN(context.nan) && context.got instanceof RangeError);
});

Deno.test("pitfall 11: one timer per id: a second replaces the first, a cancel forgets it", () => {
  const machine = createMachine({
    id: "m",
    context: { fired: 0 },
    on: {
      ARM: { actions: raise({ type: "RING" }, { id: "bell", delay: 100 }) },
      FLIP: { actions: [raise({ type: "RING" }, { id: "bell", delay: 1 }), cancel("bell")] },
      OFF: { actions: cancel("bell") },
      RING: { actions: assign({ fired: ({ context }) => context.fired + 1 }) },
    },
  });
  const world = new World().start("m", machine).send("m", { type: "ARM" }).advance(50);
  world.send("m", { type: "ARM" }).advance(60);
  assertEquals(world.context("m"), { fired: 0 });
  assertEquals(world.advance(40).context("m"), { fired: 1 });
  world.send("m", { type: "ARM" }).send("m", { type: "OFF" }).advance(1000);
  assertEquals([world.context("m"), world.timers, world.snapshot("m").timers], [
    { fired: 1 },
    [],
    undefined,
  ]);
  const { snapshot } = step(machine, { address: "m" });
  assertEquals(step(machine, { address: "m", snapshot, event: { type: "FLIP" } }).effects, []);
});

Deno.test("pitfall 11: a timer that took another's place, and is cancelled, leaves none, whoever that was for", () => {
  const ear = createMachine({ id: "ear" });
  const machine = setup({ actors: { ear } }).createMachine({
    id: "m",
    invoke: { src: "ear", id: "ear" },
    on: {
      ARM: { actions: sendTo("ear", { type: "RING" }, { id: "bell", delay: 100 }) },
      FLIP: { actions: [raise({ type: "RING" }, { id: "bell", delay: 1 }), cancel("bell")] },
    },
  });
  const world = new World().start("m", machine).send("m", { type: "ARM" });
  assertEquals(world.timers.length, 1);
  assertEquals(world.send("m", { type: "FLIP" }).timers, []);
});

Deno.test("pitfall 11: a cancel finds what was sent to another under the name, however it begins", () => {
  const ear = createMachine({ id: "ear" });
  for (const id of ["bell", "#bell", "#1"]) {
    const machine = setup({ actors: { ear } }).createMachine({
      id: "m",
      invoke: { src: "ear", id: "ear" },
      on: {
        ARM: { actions: sendTo("ear", { type: "RING" }, { id, delay: 100 }) },
        OFF: { actions: cancel(id) },
      },
    });
    const world = new World().start("m", machine).send("m", { type: "ARM" });
    assertEquals(world.timers.length, 1);
    assertEquals(world.send("m", { type: "OFF" }).timers, [], id);
  }
});

Deno.test("pitfall 11: timers without an id do not replace each other", () => {
  const machine = createMachine({
    id: "m",
    context: { fired: 0 },
    on: {
      ARM: {
        actions: [raise({ type: "RING" }, { delay: 10 }), raise({ type: "RING" }, { delay: 10 })],
      },
      RING: { actions: assign({ fired: ({ context }) => context.fired + 1 }) },
    },
  });
  const world = new World().start("m", machine).send("m", { type: "ARM" }).send("m", {
    type: "ARM",
  });
  assertEquals(world.advance(10).context("m"), { fired: 4 });
});

Deno.test("pitfall 12: a timer of an earlier visit never fires into a later one", () => {
  const first = step(order, { address: "o" });
  const [set] = first.effects;
  assert(set?.kind === "timer.set");
  const again = step(order, { address: "o", snapshot: first.snapshot, event: { type: "TOUCH" } });
  assertEquals(kinds(again.effects), ["timer.cancel", "timer.set"]);
  const late = step(order, {
    address: "o",
    snapshot: again.snapshot,
    event: set.event,
    from: set.from,
  });
  assertEquals([late.outcome, late.changed, late.snapshot], ["stale", false, again.snapshot]);
  const [, next] = again.effects;
  assert(next?.kind === "timer.set" && next.gen > set.gen);
  const fired = step(order, {
    address: "o",
    snapshot: again.snapshot,
    event: next.event,
    from: next.from,
  });
  assertEquals(fired.snapshot.value, "expired");
  const twice = step(order, {
    address: "o",
    snapshot: fired.snapshot,
    event: next.event,
    from: next.from,
  });
  assertEquals(twice.outcome, "stale");
});

Deno.test("pitfall 12: a result of an earlier incarnation never completes a later one", () => {
  const world = new World().start("o", order).send("o", { type: "PAY" });
  const old = { id: "pay", gen: Number(world.snapshot("o").children?.pay?.gen) };
  world.send("o", { type: "AGAIN" });
  const gen = Number(world.snapshot("o").children?.pay?.gen);
  assert(gen > old.gen);
  for (const mail of [doneMail(old, 1), errorMail(old, new Error("late"))]) {
    world.deliver("o", mail);
  }
  assertEquals([world.snapshot("o").value, world.outcomes.slice(-2)], ["paying", [
    "stale",
    "stale",
  ]]);
  world.deliver("o", doneMail({ id: "pay", gen }, 1));
  assertEquals(world.snapshot("o").value, "done");
});

Deno.test("pitfall 12: a timer fires once and an end is heard once, though nothing came of them", () => {
  const machine = setup({ actors: { work } }).createMachine({
    id: "m",
    entry: [raise({ type: "RING" }, { id: "bell", delay: 5 }), spawnChild("work", { id: "w" })],
    on: { RING: { actions: log("rung") }, "xstate.done.actor.w": { actions: log("done") } },
  });
  const first = step(machine, { address: "m" });
  const set = first.effects.find(({ kind }) => kind === "timer.set");
  assert(set?.kind === "timer.set");
  for (const mail of [{ event: set.event, from: set.from }, doneMail({ id: "w", gen: 1 }, 1)]) {
    const once = step(machine, { address: "m", snapshot: first.snapshot, ...mail });
    assertEquals([once.outcome, kinds(once.effects), once.changed], ["handled", ["log"], true]);
    const twice = step(machine, { address: "m", snapshot: once.snapshot, ...mail });
    assertEquals([twice.outcome, twice.effects], ["stale", []]);
  }
});

Deno.test("pitfall 12: a child that ended before it was stopped is heard; its failure ends nobody", () => {
  const machine = setup({ actors: { work } }).createMachine({
    id: "m",
    initial: "a",
    states: {
      a: { invoke: { src: "work", id: "w" }, on: { NEXT: "b" } },
      b: { on: { "xstate.done.actor.w": "c" } },
      c: {},
    },
  });
  const first = step(machine, { address: "m" });
  const { snapshot } = step(machine, {
    address: "m",
    snapshot: first.snapshot,
    event: { type: "NEXT" },
  });
  const name = { id: "w", gen: 1 };
  assertEquals(step(machine, { address: "m", snapshot, ...doneMail(name, 1) }).snapshot.value, "c");
  const failed = step(machine, { address: "m", snapshot, ...errorMail(name, new Error("x")) });
  assertEquals([failed.outcome, failed.status], ["stale", "active"]);
});

Deno.test("pitfall 13: a child that is spawned and stopped in one step never starts, and its mail vanishes", () => {
  const child = createMachine({ id: "c" });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    initial: "a",
    states: {
      a: { on: { GO: "b" } },
      b: {
        invoke: { src: "child", id: "c" },
        entry: sendTo(({ self }) => self, { type: "KEPT" }),
        always: "d",
      },
      d: { entry: [spawnChild("child", { id: "e" }), sendTo("e", { type: "HI" }), stopChild("e")] },
    },
  });
  const { snapshot } = step(machine, { address: "m" });
  const { effects, snapshot: next } = step(machine, {
    address: "m",
    snapshot,
    event: { type: "GO" },
  });
  assertEquals(effects, [{ kind: "send", to: "m", event: { type: "KEPT" } }]);
  assertEquals([next.value, next.children], ["d", undefined]);
});

Deno.test("pitfall 13: what an entry sends to the child that its own state invokes waits for it", () => {
  const child = createMachine({
    id: "c",
    initial: "here",
    states: { here: { on: { HI: "met" } }, met: {} },
  });
  const invoke = { src: "child", id: "c" } as const;
  const entry = [
    sendTo("c", { type: "HI" }, { id: "at once" }),
    sendTo("c", { type: "LATER" }, { id: "later", delay: 10 }),
    sendTo("c", { type: "NEVER" }, { id: "never", delay: 10 }),
    cancel("never"),
    // What is sent at once is on its way.
    cancel("at once"),
  ];
  const { createMachine: make } = setup({ actors: { child } });
  const charts = [
    make({ id: "m", entry, invoke }),
    make({ id: "m", initial: "a", states: { a: { entry, invoke } } }),
  ];
  for (const machine of charts) {
    const { effects } = step(machine, { address: "m" });
    assertEquals(kinds(effects).filter((kind) => kind !== "timer.cancel"), [
      "spawn",
      "send",
      "timer.set",
    ]);
    const timer = effects.find((effect) => effect.kind === "timer.set");
    assertEquals([timer?.timerId, timer?.to, timer?.toGen], ["later", "m/c", 1]);
    const live = createActor(machine).start();
    assertEquals(live.getSnapshot().children.c?.getSnapshot().value, "met");
    live.stop();
  }
  // Past the first step the child is not made before it is asked for: it reads this before its own.
  const later = make({
    id: "m",
    initial: "a",
    states: { a: { on: { GO: "b" } }, b: { entry, invoke } },
  });
  const { snapshot } = step(later, { address: "m" });
  const { effects } = step(later, { address: "m", snapshot, event: { type: "GO" } });
  assertEquals(kinds(effects).filter((kind) => kind !== "timer.cancel"), [
    "send",
    "timer.set",
    "spawn",
  ]);
});

Deno.test("pitfall 13: mail to a child that has been stopped, or has ended, vanishes; so does a timer for it", () => {
  const machine = setup({ actors: { work } }).createMachine({
    id: "m",
    context: ({ spawn }) => ({ ref: spawn("work", { id: "w" }) }),
    on: {
      STOP: { actions: stopChild("w") },
      TELL: {
        actions: [
          sendTo(({ context }) => context.ref, { type: "HI" }),
          sendTo(({ context }) => context.ref, { type: "HI" }, { delay: 10 }),
        ],
      },
    },
  });
  const { snapshot } = step(machine, { address: "m" });
  const tell = (from: unknown) =>
    kinds(step(machine, { address: "m", snapshot: from, event: { type: "TELL" } }).effects);
  assertEquals(tell(snapshot), ["send", "timer.set"]);
  for (const mail of [{ event: { type: "STOP" } }, doneMail({ id: "w", gen: 1 }, 1)]) {
    const { snapshot: without } = step(machine, { address: "m", snapshot, ...mail });
    assertEquals(tell(without).filter((kind) => kind !== "timer.cancel"), []);
  }
});

Deno.test("pitfall 14: a child spawned under the id of a running one takes its place", () => {
  const machine = setup({ actors: { work } }).createMachine({
    id: "m",
    on: { SPAWN: { actions: spawnChild("work", { id: "w" }) } },
  });
  const world = new World().start("m", machine).send("m", { type: "SPAWN" }).send("m", {
    type: "SPAWN",
  });
  assertEquals(
    world.effects.map((effect) => "gen" in effect ? [effect.kind, effect.gen] : []),
    [["spawn", 1], ["stop", 1], ["spawn", 2]],
  );
  assertEquals(world.working, ["m/w"]);
});

Deno.test("pitfall 14: a child in the place of one that has ended unheard has its system id as well", () => {
  const machine = setup({ actors: { work } }).createMachine({
    id: "m",
    on: { SPAWN: { actions: spawnChild("work", { id: "w", systemId: "s" }) } },
  });
  const spawn = (snapshot?: ActorSnapshot) =>
    step(machine, { address: "m", snapshot, ...snapshot && { event: { type: "SPAWN" } } }).snapshot;
  // Its end is in the mailbox, behind the event that asks for the next one.
  const { children } = spawn(spawn(spawn()));
  assertEquals([children?.w?.gen, children?.w?.systemId], [2, "s"]);
});
