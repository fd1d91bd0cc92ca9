/**
 * What goes wrong when an XState machine is persisted naively, one test each: 22 findings, numbered
 * as in docs/xstate.md. Every test drives the machine through JSON at each step.
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  assign,
  cancel,
  createMachine,
  enqueueActions,
  fromPromise,
  log,
  raise,
  sendParent,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from "xstate";
import {
  ActorBlockedError,
  ActorStalledError,
  adopt,
  compatibilityOf,
  defineMachine,
  doneMail,
  type Effect,
  errorMail,
  MachineDefinitionError,
  step,
} from "../../../src/core/actor/mod.ts";
import { InvalidInputError } from "../../../src/core/errors.ts";
import { World } from "./world.ts";

const work = fromPromise(() => Promise.resolve("never run by a step"));

function kinds(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.kind);
}

/** An event that a machine's types know nothing of. */
function ev(type: string, fields: Record<string, unknown> = {}): { type: string } {
  return { type, ...fields };
}

const order = setup({ actors: { work } }).createMachine({
  id: "order",
  initial: "cart",
  context: { paid: 0 },
  states: {
    cart: {
      after: { 1000: "expired" },
      on: { PAY: "paying", TOUCH: { target: "cart", reenter: true } },
    },
    paying: {
      invoke: {
        src: "work",
        id: "pay",
        onDone: { target: "done", actions: assign({ paid: ({ context }) => context.paid + 1 }) },
        onError: "cart",
      },
      on: { BACK: "cart", AGAIN: { target: "paying", reenter: true } },
    },
    expired: {},
    done: {},
  },
});

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

for (
  const [what, machine, path] of [
    [
      "guard",
      createMachine({
        id: "m",
        context: { n: 0 },
        on: { X: { guard: () => fail(), actions: "never" } },
      }),
      "on.X.guard",
    ],
    [
      "named guard",
      setup({ guards: { g: () => fail() } }).createMachine({ id: "m", on: { X: { guard: "g" } } }),
      "guards.g",
    ],
    [
      "assign",
      createMachine({
        id: "m",
        context: { n: 0 },
        on: {
          X: {
            actions: [
              assign({ n: 1 }),
              assign(() => fail()),
            ],
          },
        },
      }),
      "on.X.actions.1",
    ],
    [
      "expression",
      createMachine({
        id: "m",
        on: {
          X: [{ guard: () => false }, {
            actions: [
              log("first"),
              raise(() => fail()),
            ],
          }],
        },
      }),
      "on.X.1.actions.1",
    ],
    [
      "delay",
      setup({ delays: { d: () => fail() } }).createMachine({
        id: "m",
        initial: "a",
        states: { a: { on: { X: "b" } }, b: { after: { d: "a" } } },
      }),
      "delays.d",
    ],
    [
      "input",
      setup({ actors: { work } }).createMachine({
        id: "m",
        initial: "a",
        states: {
          a: { on: { X: "b" } },
          b: {
            invoke: {
              src: "work",
              input: () => fail(),
            },
          },
        },
      }),
      "states.b.invoke.input",
    ],
    [
      "output",
      createMachine({
        id: "m",
        initial: "a",
        output: () => fail(),
        states: { a: { on: { X: "b" } }, b: { type: "final" } },
      }),
      "output",
    ],
    [
      "enqueued action",
      createMachine({
        id: "m",
        on: { X: { actions: enqueueActions(({ enqueue }) => enqueue.assign(() => fail())) } },
      }),
      "on.X.actions",
    ],
    [
      "eventless guard",
      createMachine({
        id: "m",
        initial: "a",
        states: { a: { on: { X: "b" } }, b: { always: { guard: () => fail() } } },
      }),
      "states.b.always.guard",
    ],
  ] as const
) {
  Deno.test(`pitfall 15: a ${what} that throws stalls with its path, and nothing is changed`, () => {
    const first = step(machine, { address: "m" });
    const before = JSON.stringify(first.snapshot);
    const error = assertThrows(
      () => step(machine, { address: "m", snapshot: first.snapshot, event: { type: "X" } }),
      ActorStalledError,
    );
    assertEquals([error.code, error.path], ["threw", path]);
    assert(error.cause instanceof TypeError && error.message.includes("the author's mistake"));
    assertEquals(JSON.stringify(first.snapshot), before);
  });
}

function fail(): never {
  throw new TypeError("the author's mistake");
}

Deno.test("pitfall 15: a first step that throws stalls too, with the path", () => {
  const machine = createMachine({ id: "m", context: () => fail() });
  const error = assertThrows(() => step(machine, { address: "m" }), ActorStalledError);
  assertEquals([error.code, error.path], ["threw", "context"]);
});

Deno.test("pitfall 15: an unhandled failure of a child ends the actor, its children and its timers", () => {
  const machine = setup({ actors: { work } }).createMachine({
    id: "m",
    entry: [spawnChild("work", { id: "a" }), spawnChild("work", { id: "b" })],
    initial: "x",
    states: { x: { after: { 10: "y" } }, y: {} },
  });
  const world = new World().start("m", machine);
  world.fail("m/a", new Error("no"));
  const snapshot = world.snapshot("m");
  assertEquals([snapshot.status, snapshot.children, snapshot.timers], [
    "error",
    undefined,
    undefined,
  ]);
  assertEquals([world.working, world.timers], [[], []]);
  assertEquals(kinds(world.effects).slice(-2), ["stop", "timer.cancel"]);
});

Deno.test("pitfall 16: a machine that does not come to rest is stopped", () => {
  const loop = (options: { maxIterations?: number }) =>
    createMachine({
      id: "m",
      options,
      initial: "a",
      states: { a: { on: { X: "b" } }, b: { always: "c" }, c: { always: "b" } },
    });
  for (const options of [{}, { maxIterations: 7 }, { maxIterations: Infinity }]) {
    const machine = loop(options);
    const { snapshot } = step(machine, { address: "m" });
    const error = assertThrows(
      () => step(machine, { address: "m", snapshot, event: { type: "X" } }),
      ActorStalledError,
    );
    assertEquals(error.code, "too_many_microsteps");
  }
});

function chart(states: Record<string, object>, extra: object = {}) {
  return createMachine({ id: "m", initial: "a", states, ...extra });
}

/** The issues that a changed chart has with a snapshot of `from`, as code and path. */
function issues(
  from: ReturnType<typeof chart>,
  to: ReturnType<typeof chart>,
  ...events: string[]
): string[] {
  let { snapshot } = step(from, { address: "m" });
  for (const type of events) {
    snapshot = step(from, { address: "m", snapshot, event: { type } }).snapshot;
  }
  const stepped = assertThrows(
    () => step(to, { address: "m", snapshot, event: { type: "GO" } }),
    ActorBlockedError,
  );
  assertEquals(stepped.code, "machine_mismatch");
  const found = compatibilityOf(to, snapshot).map(({ code, path }) => `${code} ${path}`);
  if (found.length > 0) assertThrows(() => adopt(to, snapshot), ActorBlockedError);
  return found;
}

Deno.test("pitfall 17: a removed state, a new region, a state made compound: refused before it is restored", () => {
  const plain = chart({ a: {}, b: {} });
  assertEquals(issues(plain, chart({ b: {} }, { initial: "b" })), ["unknown_state value.a"]);
  assertEquals(issues(plain, chart({ a: { initial: "x", states: { x: {} } }, b: {} })), [
    "illegal_configuration value.a",
  ]);
  const two = chart({ a: { type: "parallel", states: { p: {}, q: {} } } });
  const three = chart({ a: { type: "parallel", states: { p: {}, q: {}, r: {} } } });
  assertEquals(issues(two, three), ["illegal_configuration value.a"]);
  assertEquals(issues(three, two), ["unknown_state value.a.r"]);
  const one = chart({
    a: { type: "parallel", states: { p: { initial: "x", states: { x: {} } } } },
  });
  assertEquals(
    issues(one, chart({ a: { initial: "p", states: { p: { initial: "x", states: { x: {} } } } } })),
    ["type_changed types.m.a"],
  );
  assertEquals(issues(plain, chart({ a: { type: "final" }, b: {} })), ["type_changed types.m.a"]);
  assertEquals(issues(plain, chart({ a: { entry: "hello" }, b: {} })), []);
});

Deno.test("pitfall 18: history that recalls a removed state is refused, not dropped", () => {
  const inner = (names: string[]) => ({
    a: {
      initial: "one",
      states: {
        ...Object.fromEntries(names.map((name) => [name, { on: { NEXT: "two" } }])),
        h: { history: "deep" as const },
      },
      on: { LEAVE: "b" },
    },
    b: { on: { BACK: "a.h" } },
  });
  const from = chart(inner(["one", "two"]));
  const to = createMachine({
    id: "m",
    initial: "a",
    states: {
      a: { initial: "one", states: { one: {}, h: { history: "deep" } }, on: { LEAVE: "b" } },
      b: { on: { BACK: "a.h" } },
    },
  });
  assertEquals(issues(from, to as typeof from, "NEXT", "LEAVE"), ["unknown_state history.m.a.h.0"]);
});

Deno.test("pitfall 19: a child whose source is gone is refused, not dropped", () => {
  const config = { id: "m", entry: spawnChild("work" as never, { id: "w" }) };
  const from = createMachine(config, { actors: { work } });
  const to = createMachine({ ...config, entry: [] });
  const { snapshot } = step(from, { address: "m" });
  assertEquals(compatibilityOf(to, snapshot).map(({ code, path }) => [code, path]), [[
    "unknown_source",
    "children.w.src",
  ]]);
});

Deno.test("pitfall 20: a stored configuration that no chart has is refused", () => {
  const machine = chart({ a: { type: "parallel", states: { p: {}, q: {} } } });
  const { snapshot } = step(machine, { address: "m" });
  for (const value of ["a", { a: { p: {} } }, { a: { p: {}, q: {}, z: {} } }, {}]) {
    const error = assertThrows(
      () => step(machine, { address: "m", snapshot: { ...snapshot, value }, event: { type: "X" } }),
      ActorBlockedError,
    );
    assert(["illegal_configuration", "unknown_state"].includes(error.code));
  }
});

Deno.test("pitfall 21: the stored form is ours, with format and XState version", () => {
  const { snapshot } = step(order, { address: "o" });
  assertEquals([snapshot.format, snapshot.xstate.split(".")[0]], [1, "5"]);
  const refused = (change: object) =>
    assertThrows(
      () =>
        step(order, { address: "o", snapshot: { ...snapshot, ...change }, event: { type: "X" } }),
      ActorBlockedError,
    );
  assertEquals([refused({ format: 2 }).code, refused({ format: 2 }).path], [
    "snapshot_newer",
    "snapshot.format",
  ]);
  assertEquals(refused({ xstate: "6.0.0" }).code, "snapshot_newer");
  assertEquals([refused({ gens: 3 }).code, refused({ gens: 3 }).path], [
    "snapshot_format",
    "snapshot.gens",
  ]);
});

Deno.test("pitfall 22: restoring is no transition: no entry, no always, until an event comes", () => {
  const from = chart({ a: {}, b: {} });
  const { snapshot } = step(from, { address: "m" });
  const to = chart({
    a: { entry: log("entered"), always: { target: "b", guard: () => true } },
    b: {},
  });
  const moved = adopt(to, snapshot);
  assertEquals(moved.value, "a");
  const { snapshot: next, effects } = step(to, {
    address: "m",
    snapshot: moved,
    event: { type: "POKE" },
  });
  assertEquals([next.value, effects], ["b", []]);
});

Deno.test("forged events of XState's own are refused, whatever they claim", () => {
  const world = new World().start("o", order).send("o", { type: "PAY" });
  const snapshot = world.snapshot("o");
  for (
    const type of [
      "xstate.done.actor.pay",
      "xstate.after.1000.order.cart",
      "xstate.stop",
      "xstate.init",
      "xstate.",
    ]
  ) {
    const error = assertThrows(
      () => step(order, { address: "o", snapshot, event: { type } }),
      InvalidInputError,
    );
    assertEquals(error.issues[0]?.path, "event.type");
  }
  const forged = { event: ev("xstate.done.actor.pay"), from: { childId: "other", gen: 1 } };
  assertThrows(() => step(order, { address: "o", snapshot, ...forged }), InvalidInputError);
});
