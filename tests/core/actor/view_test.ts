/** What an actor accepts, what an event would do, takeovers and migrations. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { and, assign, createMachine, fromPromise, not, setup, stateIn } from "xstate";
import { z } from "zod";
import {
  acceptedEvents,
  acceptedTypes,
  ActorBlockedError,
  adopt,
  compatibilityOf,
  defineMachine,
  diff,
  foresee,
  migrateSnapshot,
  type Migration,
  patch,
  step,
} from "../../../src/core/actor/mod.ts";
import { World } from "./world.ts";

const work = fromPromise(() => Promise.resolve(1));

const shop = setup({
  actors: { work },
  actions: { help: () => {}, note: () => {} },
  guards: {
    filled: ({ context }) => context.items.length > 0,
    dear: ({ event }) => Object(event).cents > 100,
    broken: () => {
      throw new Error("out of order");
    },
  },
}).createMachine({
  id: "shop",
  initial: "cart",
  context: { items: [] as string[], paid: 0 },
  on: { HELP: { actions: "help" }, "note.*": { actions: "note" } },
  states: {
    cart: {
      initial: "idle",
      on: {
        ADD: {
          actions: assign({
            items: ({ context, event }) => [...context.items, Object(event).name],
          }),
        },
        PAY: [{ guard: "filled", target: "paying" }],
        GIVE: { guard: and(["filled", not(stateIn("#shop.paying"))]), target: "paying" },
        OFFER: { guard: "dear", target: "paying" },
        BREAK: { guard: "broken", target: "paying" },
        LOCK: {},
      },
      states: { idle: {} },
    },
    paying: { invoke: { src: "work", id: "w", onDone: "done" }, after: { 1000: "cart" } },
    done: { type: "final" },
  },
});

Deno.test("accepted events come with the result of their guards now", () => {
  const world = new World().start("s", shop);
  const told = (snapshot: unknown) =>
    Object.fromEntries(
      acceptedEvents(shop, snapshot).map(({ type, accepted }) => [type, accepted]),
    );
  assertEquals(told(world.snapshot("s")), {
    ADD: true,
    PAY: false,
    GIVE: false,
    OFFER: undefined,
    BREAK: undefined,
    LOCK: false,
    HELP: true,
    "note.*": true,
  });
  world.send("s", { type: "ADD", name: "tea" });
  const now = world.snapshot("s");
  assertEquals([told(now).PAY, told(now).GIVE], [true, true]);
  assertEquals(acceptedTypes(shop, now), [
    "ADD",
    "PAY",
    "GIVE",
    "OFFER",
    "BREAK",
    "HELP",
    "note.*",
  ]);
  const pay = acceptedEvents(shop, now).find(({ type }) => type === "PAY");
  assertEquals(pay?.candidates, [
    {
      source: "shop.cart",
      descriptor: "PAY",
      index: 0,
      targets: ["shop.paying"],
      guard: "filled",
      passes: true,
    },
  ]);
  const broken = acceptedEvents(shop, now).find(({ type }) => type === "BREAK");
  assertEquals(broken?.candidates[0]?.error, "out of order");
  world.send("s", { type: "PAY" }).complete("s/w", 1);
  assertEquals(acceptedEvents(shop, world.snapshot("s")), []);
});

Deno.test("foresight tells guards, next state, actions, effects and the context's change; nothing happens", () => {
  const world = new World().start("s", shop).send("s", { type: "ADD", name: "tea" });
  const snapshot = world.snapshot("s");
  const before = JSON.stringify(snapshot);
  const pay = foresee(shop, { address: "s", snapshot, event: { type: "PAY" } });
  assertEquals([pay.outcome, pay.from, pay.to], ["handled", { cart: "idle" }, "paying"]);
  assertEquals(pay.candidates.map(({ guard, passes }) => [guard, passes]), [["filled", true]]);
  assertEquals(pay.effects.map(({ kind }) => kind), ["timer.set", "spawn"]);
  assertEquals(pay.taken.map(({ targets }) => targets), [["shop.paying"]]);
  const add = foresee(shop, { address: "s", snapshot, event: { type: "ADD", name: "milk" } });
  assertEquals(add.contextPatch, [{ op: "add", path: "/items/1", value: "milk" }]);
  const offer = foresee(shop, { address: "s", snapshot, event: { type: "OFFER", cents: 1 } });
  assertEquals([offer.outcome, offer.reason, offer.candidates[0]?.passes], [
    "unhandled",
    "guarded",
    false,
  ]);
  const help = foresee(shop, { address: "s", snapshot, event: { type: "HELP" } });
  assertEquals([help.actions, help.outcome], [["help"], "handled"]);
  assertEquals(JSON.stringify(snapshot), before);
});

Deno.test("a patch makes the second value of the first, whatever the two are", () => {
  const json = fc.jsonValue({ maxDepth: 4 });
  fc.assert(fc.property(json, json, (before, after) => {
    fc.pre(!/__proto__/.test(JSON.stringify([before, after])));
    const [a, b] = JSON.parse(JSON.stringify([before, after]));
    assertEquals(patch(a, diff(a, b)), b);
    assertEquals(diff(b, b), []);
  }));
});

const child = createMachine({ id: "c" });

/** Version 2 has another name for a state, a timer more and no clerk. */
function versions() {
  const one = defineMachine(
    setup({ actors: { child } }).createMachine({
      id: "order",
      initial: "open",
      context: { total: 3 },
      states: {
        open: {
          invoke: { src: "child", id: "clerk" },
          after: { 1000: "late" },
          on: { WAIT: "late" },
        },
        late: {},
      },
    }),
    { version: "1" },
  );
  const two = defineMachine(
    createMachine({
      id: "order",
      initial: "waiting",
      states: { waiting: { after: { 500: "late" }, on: { POKE: "late" } }, late: {} },
    }),
    { version: "2", context: z.object({ cents: z.number() }) },
  );
  return { one, two };
}

const migrations: Migration[] = [
  {
    from: "1",
    to: "1.5",
    migrate: (draft) => ({
      ...draft,
      value: "waiting",
      children: {},
      timers: {
        "xstate.after.500.order.waiting": {
          delayMs: 500,
          event: { type: "xstate.after.500.order.waiting" },
        },
      },
    }),
  },
  {
    from: "1.5",
    to: "2",
    migrate: (draft) => ({ ...draft, context: { cents: Object(draft.context).total * 100 } }),
    event: { type: "POKE" },
  },
];

Deno.test("a snapshot goes through the chain of migrations, and its children and timers with it", () => {
  const { one, two } = versions();
  const { snapshot } = step(one, { address: "o" });
  assertEquals(compatibilityOf(two, snapshot).map(({ code }) => code), [
    "unknown_state",
    "unknown_source",
    "context_invalid",
  ]);
  const moved = migrateSnapshot(two, "o", snapshot, migrations);
  assertEquals(moved.versions, ["1", "1.5", "2"]);
  assertEquals(moved.snapshot.machine, two.identity);
  assertEquals([moved.snapshot.value, moved.snapshot.context], ["waiting", { cents: 300 }]);
  assertEquals(
    moved.effects.map((effect) => [effect.kind, "delayMs" in effect && effect.delayMs]),
    [
      ["stop", false],
      ["timer.cancel", false],
      ["timer.set", 500],
    ],
  );
  assertEquals(moved.event, { type: "POKE" });
  const [, , set] = moved.effects;
  assert(set?.kind === "timer.set");
  const fired = step(two, {
    address: "o",
    snapshot: moved.snapshot,
    event: set.event,
    from: set.from,
  });
  assertEquals(fired.snapshot.value, "late");
});

Deno.test("a migration that is missing, throws, or leads nowhere blocks, and changes nothing", () => {
  const { one, two } = versions();
  const { snapshot } = step(one, { address: "o" });
  const before = JSON.stringify(snapshot);
  const refused = (list: readonly Migration[]) => {
    const error = assertThrows(() => migrateSnapshot(two, "o", snapshot, list), ActorBlockedError);
    assertEquals(error.code, "migration");
    return error.path;
  };
  assertEquals(refused([]), "machine.version");
  assertEquals(refused(migrations.slice(1)), "machine.version");
  const broken = (): never => {
    throw new Error("no");
  };
  assertEquals(refused([{ from: "1", to: "2", migrate: broken }]), "migrations.1→2");
  assertEquals(refused([{ from: "1", to: "2", migrate: (draft) => draft }]), "value.open");
  const nothing = (() => {}) as unknown as Migration["migrate"];
  assertEquals(refused([{ from: "1", to: "2", migrate: nothing }]), "migrations.1→2");
  const unfit: Migration["migrate"] = (draft) => ({ ...draft, context: { f: () => 1 } });
  assertEquals(refused([{ from: "1", to: "2", migrate: unfit }]), "context.f");
  const other = { ...snapshot, machine: { ...snapshot.machine, name: "invoice" } };
  const error = assertThrows(() => migrateSnapshot(two, "o", other, migrations), ActorBlockedError);
  assertEquals(error.path, "machine.name");
  assertEquals(JSON.stringify(snapshot), before);
});

Deno.test("a takeover asks for timers that are still handled and children that are still invoked", () => {
  const base = setup({ actors: { work } });
  const one = base.createMachine({
    id: "m",
    initial: "a",
    states: { a: { invoke: { src: "work", id: "w" }, after: { 10: "b" } }, b: {} },
  });
  const two = base.createMachine({
    id: "m",
    initial: "a",
    states: { a: { after: { 20: "b" } }, b: {} },
  });
  const { snapshot } = step(one, { address: "m" });
  assertEquals(compatibilityOf(two, snapshot).map(({ code, path }) => [code, path]), [
    ["child_unawaited", "children.w.state"],
    ["timer_unhandled", "timers.xstate.after.10.m.a"],
    ["timer_missing", "timers.xstate.after.20.m.a"],
  ]);
  const more = base.createMachine({
    id: "m",
    initial: "a",
    states: {
      a: { invoke: { src: "work", id: "w" }, after: { 10: "b" }, on: { NEW: "c" } },
      b: {},
      c: {},
    },
  });
  assertEquals(compatibilityOf(more, snapshot), []);
  const adopted = adopt(more, snapshot);
  assertEquals(
    step(more, { address: "m", snapshot: adopted, event: { type: "NEW" } }).snapshot.value,
    "c",
  );
  const other = createMachine({ id: "other" });
  assertEquals(compatibilityOf(other, snapshot).map(({ code }) => code), ["another_machine"]);
});

Deno.test("a takeover asks for what an occupied state would have begun, and a migration answers", () => {
  const base = setup({ actors: { work } });
  const chart = (a: object) =>
    base.createMachine({ id: "m", initial: "a", states: { a, b: { on: { BACK: "a" } } } });
  const define = (version: string, a: object) => defineMachine(chart(a), { version });
  const one = define("1", { on: { GO: "b" } });
  const { snapshot } = step(one, { address: "m" });
  const two = define("2", {
    on: { GO: "b" },
    invoke: { src: "work", id: "w" },
    after: { 10: "b" },
  });
  const found = compatibilityOf(two, snapshot);
  assertEquals(found.map(({ code, path }) => [code, path]), [
    ["child_missing", "children.w"],
    ["timer_missing", "timers.xstate.after.10.m.a"],
  ]);
  assert(found.every(({ message }) => message.includes("give a migration")));
  assertThrows(() => adopt(two, snapshot), ActorBlockedError, "nobody has started it");
  // Elsewhere than where the actor is, the chart may have grown.
  const away = step(one, { address: "m", snapshot, event: { type: "GO" } }).snapshot;
  assertEquals(compatibilityOf(two, away), []);
  const timerId = "xstate.after.10.m.a";
  const timer = { delayMs: 10, event: { type: timerId } };
  const moved = migrateSnapshot(two, "m", snapshot, [{
    from: "1",
    to: "2",
    migrate: (draft) => ({ ...draft, timers: { ...draft.timers, [timerId]: timer } }),
  }]);
  assertEquals(moved.effects.map(({ kind }) => kind), ["timer.set"]);
  // Of the same structure: its timer has fired, and a guard has kept it.
  const guarded = { after: { 10: { target: "b", guard: () => false } } };
  const [three, four] = [define("3", guarded), define("4", guarded)];
  const waiting = step(three, { address: "m" }).snapshot;
  const kept = step(three, {
    address: "m",
    snapshot: waiting,
    event: { type: timerId },
    from: { timerId, gen: 1 },
  }).snapshot;
  assertEquals(kept.timers, undefined);
  assertEquals(compatibilityOf(four, kept), []);
});
