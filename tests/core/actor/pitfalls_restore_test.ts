/**
 * What goes wrong when an XState machine is persisted naively: 22 findings, numbered as in
 * docs/xstate.md, which says which test shows which. Every test drives the machine through JSON at
 * each step. Here 17 to 22: a chart that has changed.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { createMachine, log, spawnChild } from "xstate";
import {
  ActorBlockedError,
  ActorStalledError,
  adopt,
  compatibilityOf,
  step,
} from "../../../src/core/actor/mod.ts";
import { order, work } from "./samples.ts";

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

Deno.test("pitfall 20: a step into a configuration that no chart has stalls, and nothing is changed", () => {
  // Two states of a compound one at once: XState goes on with both.
  const machine = chart({ a: { on: { GO: { target: ["b", "c"] } } }, b: {}, c: {} });
  const { snapshot } = step(machine, { address: "m" });
  const before = JSON.stringify(snapshot);
  const error = assertThrows(
    () => step(machine, { address: "m", snapshot, event: { type: "GO" } }),
    ActorStalledError,
  );
  assertEquals([error.code, error.path], ["illegal_configuration", "value"]);
  assertEquals(JSON.stringify(snapshot), before);
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
