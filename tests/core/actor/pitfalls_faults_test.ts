/**
 * What goes wrong when an XState machine is persisted naively: 22 findings, numbered as in
 * docs/xstate.md, which says which test shows which. Every test drives the machine through JSON at
 * each step. Here 15, 16 and forged mail: what the code or a
 * sender does wrong.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { assign, createMachine, enqueueActions, log, raise, setup, spawnChild } from "xstate";
import { ActorStalledError, step } from "../../../src/core/actor/mod.ts";
import { InvalidInputError } from "../../../src/core/errors.ts";
import { ev, kinds, order, work } from "./samples.ts";
import { World } from "./world.ts";

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
  for (const options of [{}, { maxIterations: 7 }, { maxIterations: Infinity }]) {
    let turns = 0;
    // A test that would turn for ever shows nothing: it gives up.
    const goesOn = () => ++turns < 5000 || fail();
    const machine = createMachine({
      id: "m",
      options,
      initial: "a",
      states: {
        a: { on: { X: "b" } },
        b: { always: { target: "c", guard: goesOn } },
        c: { always: { target: "b", guard: goesOn } },
      },
    });
    const { snapshot } = step(machine, { address: "m" });
    const error = assertThrows(
      () => step(machine, { address: "m", snapshot, event: { type: "X" } }),
      ActorStalledError,
    );
    assertEquals(error.code, "too_many_microsteps");
    assert(turns <= (options.maxIterations === 7 ? 7 : 1000), `${turns} turns`);
  }
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

Deno.test("pitfall 15: what is thrown may be a text, or nothing: its place is that of this step", () => {
  for (const thrown of ["no", undefined]) {
    const machine = createMachine({
      id: "m",
      on: {
        A: { guard: () => throwing(thrown), target: ".off" },
        B: { actions: assign(() => throwing(thrown)) },
      },
      states: { off: {} },
      initial: "off",
    });
    const { snapshot } = step(machine, { address: "m" });
    for (const [type, path] of [["A", "on.A.guard"], ["B", "on.B.actions"]] as const) {
      const error = assertThrows(
        () => step(machine, { address: "m", snapshot, event: { type } }),
        ActorStalledError,
      );
      assertEquals(error.path, path);
    }
  }
});

function throwing(thrown: unknown): never {
  throw thrown;
}
