/** `step` as its callers see it: outcomes, effects as data, what bad input gets, children that tell. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  assign,
  createMachine,
  emit,
  forwardTo,
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  log,
  type MachineContext,
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
  childAddress,
  encode,
  idOf,
  step,
  stop,
} from "../../../src/core/actor/mod.ts";
import { InvalidInputError } from "../../../src/core/errors.ts";
import { XSTATE } from "../../../src/core/actor/xstate5/chart.ts";
import { World } from "./world.ts";

const door = createMachine({
  id: "door",
  initial: "shut",
  context: { opened: 0 },
  states: {
    shut: {
      on: {
        OPEN: { target: "open", actions: assign({ opened: ({ context }) => context.opened + 1 }) },
        KICK: { guard: ({ event }) => Number(event.force) > 9, target: "open" },
        LOCK: {},
        KNOCK: { actions: log("who is there?") },
      },
    },
    open: { on: { SHUT: "shut" } },
  },
});

function send(
  event: { type: string; [key: string]: unknown },
  from = step(door, { address: "d" }),
) {
  return step(door, { address: "d", snapshot: from.snapshot, event });
}

Deno.test("the outcome says what became of the event, and why nothing did", () => {
  const { outcome, changed } = step(door, { address: "d" });
  assertEquals([outcome, changed], ["started", true]);
  const told = (type: string) => {
    const { outcome, reason, changed } = send({ type });
    return [outcome, reason, changed];
  };
  assertEquals(told("OPEN"), ["handled", undefined, true]);
  assertEquals(told("SHUT"), ["unhandled", "unknown", false]);
  assertEquals(told("KICK"), ["unhandled", "guarded", false]);
  assertEquals(told("LOCK"), ["unhandled", "forbidden", false]);
  assertEquals(told("KNOCK"), ["handled", undefined, false]);
});

Deno.test("a finished actor takes nothing any more, and says so", () => {
  const machine = createMachine({
    id: "m",
    initial: "a",
    states: { a: { on: { GO: "z" } }, z: { type: "final", exit: log("out") } },
    output: { at: new Date(0) },
  });
  const first = step(machine, { address: "m" });
  const done = step(machine, { address: "m", snapshot: first.snapshot, event: { type: "GO" } });
  assertEquals([done.status, done.output], ["done", { at: new Date(0) }]);
  const after = step(machine, { address: "m", snapshot: done.snapshot, event: { type: "GO" } });
  assertEquals([after.outcome, after.effects, after.changed], ["ended", [], false]);
  assertEquals([after.output, after.snapshot], [{ at: new Date(0) }, done.snapshot]);
});

Deno.test("nothing that is passed in is changed, whatever the machine's code does to it", () => {
  const machine = createMachine({
    id: "m",
    context: { list: [1], map: new Map([["a", [1]]]) },
    on: {
      SPOIL: {
        actions: assign(({ context, event }) => {
          context.list.push(2);
          context.map.get("a")?.push(2);
          event.list.push(2);
          return {};
        }),
      },
    },
  });
  const { snapshot } = step(machine, { address: "m" });
  const event = { type: "SPOIL", list: [1] };
  const before = JSON.stringify([snapshot, event]);
  step(machine, { address: "m", snapshot, event });
  assertEquals(JSON.stringify([snapshot, event]), before);
});

for (
  const [what, event, path] of [
    ["no event", undefined, "event.type"],
    ["a text", "OPEN", "event.type"],
    ["no type", { kind: "OPEN" }, "event.type"],
    ["an empty type", { type: "" }, "event.type"],
    ["the wildcard", { type: "*" }, "event.type"],
    ["a forged type", { type: "xstate.done.state.door" }, "event.type"],
    ["a route", { type: "xstate.route", to: "#open" }, "event.type"],
    ["a damaged value", { type: "OPEN", at: { $: "BigInt", v: "x" } }, "event.at"],
  ] as const
) {
  Deno.test(`an event that is ${what} is refused, by its path`, () => {
    const { snapshot } = step(door, { address: "d" });
    const error = assertThrows(
      () => step(door, { address: "d", snapshot, event }),
      InvalidInputError,
    );
    assertEquals(error.issues[0]?.path, path);
  });
}

Deno.test("an origin that nothing has, and an address that is none, are refused", () => {
  const { snapshot } = step(door, { address: "d" });
  const refused = (input: object) =>
    assertThrows(
      () => step(door, { address: "d", snapshot, event: { type: "OPEN" }, ...input }),
      InvalidInputError,
    ).issues[0]?.path;
  for (const from of [null, "me", 1, {}, { timerId: "t" }, { childId: 1, gen: 1 }]) {
    assertEquals(refused({ from }), "from");
  }
  for (const address of [undefined, null, "", 3]) assertEquals(refused({ address }), "address");
});

for (
  const [what, change, code, path] of [
    ["no snapshot at all", null, "snapshot_format", "snapshot"],
    ["XState's own form", { format: undefined }, "snapshot_format", "snapshot.format"],
    ["an unknown format", { format: 0 }, "snapshot_format", "snapshot.format"],
    ["a newer format", { format: 9 }, "snapshot_newer", "snapshot.format"],
    ["a newer XState", { xstate: "7.1.0" }, "snapshot_newer", "snapshot.xstate"],
    ["no context", { context: undefined }, "snapshot_format", "snapshot.context"],
    ["a status of its own", { status: "asleep" }, "snapshot_format", "snapshot.status"],
    ["damaged timers", { timers: { a: 1 } }, "snapshot_format", "snapshot.timers"],
    [
      "another machine",
      { machine: { name: "gate", version: "0", hash: "" } },
      "machine_mismatch",
      "snapshot.machine.name",
    ],
    ["an unknown state", { value: "ajar" }, "unknown_state", "value.ajar"],
    [
      "a state named as objects' own",
      { value: "constructor" },
      "unknown_state",
      "value.constructor",
    ],
    [
      "an unknown source",
      { children: { c: { src: "gone", gen: 1 } } },
      "unknown_source",
      "children.c.src",
    ],
    [
      "a damaged context",
      { context: { at: { $: "URL", v: "" } } },
      "snapshot_format",
      "snapshot.context.at",
    ],
    ["a state too deep", { value: { shut: "x" } }, "unknown_state", "value.shut.x"],
    ["an unknown recall", { history: { "door.h": [] } }, "unknown_state", "history.door.h"],
  ] as const
) {
  Deno.test(`a snapshot with ${what} is blocked, by its path`, () => {
    const { snapshot } = step(door, { address: "d" });
    const given = change === null ? "{}" : { ...snapshot, ...change };
    const error = assertThrows(
      () => step(door, { address: "d", snapshot: given, event: { type: "OPEN" } }),
      ActorBlockedError,
    );
    assertEquals([error.code, error.path], [code, path]);
  });
}

for (
  const [what, value, path] of [
    ["a function", () => 1, "context.got"],
    ["an instance", new (class Money {})(), "context.got"],
    [
      "a cycle",
      (() => {
        const a: Record<string, unknown> = {};
        a.a = a;
        return a;
      })(),
      "context.got.a.a.a.a.…",
    ],
  ] as const
) {
  Deno.test(`a context that gets ${what} stalls, with the path, and nothing is changed`, () => {
    const machine = createMachine({
      id: "m",
      context: { got: null as unknown },
      on: { PUT: { actions: [emit({ type: "put" }), assign({ got: () => value })] } },
    });
    const { snapshot } = step(machine, { address: "m" });
    const before = JSON.stringify(snapshot);
    const error = assertThrows(
      () => step(machine, { address: "m", snapshot, event: { type: "PUT" } }),
      ActorStalledError,
    );
    assertEquals([error.code, error.path], ["not_serialisable", path]);
    assertEquals(JSON.stringify(snapshot), before);
  });
}

Deno.test("an effect that cannot be stored stalls with its place; a log line never does", () => {
  const machine = createMachine({
    id: "m",
    on: {
      EMIT: { actions: [log("first"), emit({ type: "e", data: { f: () => 1 } } as never)] },
      LOG: { actions: log(() => ({ f: () => 1 })) },
    },
  });
  const { snapshot } = step(machine, { address: "m" });
  const error = assertThrows(
    () => step(machine, { address: "m", snapshot, event: { type: "EMIT" } }),
    ActorStalledError,
  );
  assertEquals([error.code, error.path], ["not_serialisable", "effects.1.event.data.f"]);
  const { effects } = step(machine, { address: "m", snapshot, event: { type: "LOG" } });
  assertEquals(effects, [{ kind: "log", value: "[object Object]" }]);
});

for (const type of ["a\0b", "a\ud83d"]) {
  Deno.test(`an event of the type ${JSON.stringify(type)} stalls whoever sends it: nobody could read it`, () => {
    const machine = createMachine({
      id: "m",
      on: { GO: { actions: raise({ type }, { delay: 1 }) } },
    });
    const { snapshot } = step(machine, { address: "m" });
    const error = assertThrows(
      () => step(machine, { address: "m", snapshot, event: { type: "GO" } }),
      ActorStalledError,
    );
    assertEquals([error.code, error.path], ["not_serialisable", "effects.0.event.type"]);
  });
}

for (const delay of [Number.NaN, Infinity, 1e300]) {
  Deno.test(`a delay of ${delay} stalls; a negative one is now`, () => {
    const machine = createMachine({
      id: "m",
      on: {
        WAIT: { actions: raise({ type: "X" }, { id: "t", delay }) },
        BACK: { actions: raise({ type: "X" }, { id: "t", delay: -5 }) },
      },
    });
    const { snapshot } = step(machine, { address: "m" });
    const error = assertThrows(
      () => step(machine, { address: "m", snapshot, event: { type: "WAIT" } }),
      ActorStalledError,
    );
    assertEquals([error.code, error.path], ["bad_delay", "timers.t"]);
    const [set] = step(machine, { address: "m", snapshot, event: { type: "BACK" } }).effects;
    assert(set?.kind === "timer.set" && set.delayMs === 0);
  });
}

Deno.test("an unknown delay stalls instead of firing at once; so does one that is no number", () => {
  const machine = (delays: Record<string, unknown>) =>
    createMachine({ id: "m", initial: "a", states: { a: { after: { soon: "b" } }, b: {} } }, {
      delays,
    } as never);
  const unknown = assertThrows(() => step(machine({}), { address: "m" }), ActorStalledError);
  assertEquals([unknown.code, unknown.path], ["unknown_delay", "delays.soon"]);
  const wrong = machine({ soon: () => undefined });
  assertEquals(
    assertThrows(() => step(wrong, { address: "m" }), ActorStalledError).code,
    "bad_delay",
  );
});

for (
  const [kind, logic] of [
    ["callback", fromCallback(() => {})],
    ["observable", fromObservable(() => ({ subscribe: () => ({ unsubscribe() {} }) }))],
  ] as const
) {
  Deno.test(`a child of from${kind} stalls: it has no durable form`, () => {
    const machine = createMachine({ id: "m", entry: spawnChild("it" as never) }, {
      actors: { it: logic },
    });
    const error = assertThrows(() => step(machine, { address: "m" }), ActorStalledError);
    assertEquals(error.code, "not_durable");
    assert(error.message.includes(kind));
  });
}

Deno.test("a custom action is data, with a function beside it; its params are stored", () => {
  const ran: unknown[] = [];
  const machine = setup({
    actions: { audit: ({ event }, params: { at: Date }) => void ran.push(event.type, params.at) },
  }).createMachine({
    id: "m",
    on: {
      X: { actions: [{ type: "audit", params: { at: new Date(7) } }, () => ran.push("inline")] },
    },
  });
  const { snapshot } = step(machine, { address: "m" });
  const { effects } = step(machine, { address: "m", snapshot, event: { type: "X" } });
  assertEquals(ran, []);
  const told = effects.map((effect) => effect.kind === "action" && [effect.type, effect.named]);
  assertEquals(told, [["audit", true], ["(anonymous)", false]]);
  assertEquals(effects[0]?.kind === "action" && effects[0].params, encode({ at: new Date(7) }));
  for (const effect of effects) if (effect.kind === "action") effect.exec();
  assertEquals(ran, ["X", new Date(7), "inline"]);
});

Deno.test("what code sends by hand within the step is an effect; after it, it throws", () => {
  const child = createMachine({ id: "c" });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    context: { ref: null as unknown },
    entry: assign(({ spawn, self }) => {
      const ref = spawn("child", { id: "c" });
      ref.send({ type: "HELLO" });
      self.send({ type: "ME" } as never);
      return { ref };
    }),
    on: { LATER: { actions: ({ self }) => self.send({ type: "LOST" } as never) } },
  });
  const { snapshot, effects } = step(machine, { address: "m" });
  assertEquals(effects.slice(1), [
    { kind: "send", to: "m/c", gen: 1, event: { type: "HELLO" } },
    { kind: "send", to: "m", event: { type: "ME" } },
  ]);
  const [action] = step(machine, { address: "m", snapshot, event: { type: "LATER" } }).effects;
  assertThrows(() => action?.kind === "action" && action.exec(), Error, "sendTo");
});

Deno.test("references in context and events go through JSON, and are who they were", () => {
  const child = createMachine({
    id: "c",
    context: ({ input }) => ({ boss: Object(input).boss }),
    on: { ASK: { actions: sendTo(({ context }) => context.boss, { type: "ANSWER" }) } },
  });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    context: { worker: null as never, answers: 0 },
    entry: assign({
      worker: ({ spawn, self }) => spawn("child", { input: { boss: self } }) as never,
    }),
    on: {
      ASK: { actions: sendTo(({ context }) => context.worker, { type: "ASK" }) },
      ANSWER: { actions: assign({ answers: ({ context }) => context.answers + 1 }) },
    },
  });
  const world = new World().start("boss/1", machine).send("boss/1", { type: "ASK" });
  world.send("boss/1", { type: "ASK" });
  assertEquals(world.context("boss/1"), { worker: { ref: "boss/1/child#1" }, answers: 2 });
});

Deno.test("a child tells every snapshot that differs, with the methods of a machine's", () => {
  const child = createMachine({
    id: "c",
    initial: "cold",
    context: { n: 0 },
    states: {
      cold: { on: { HEAT: { target: "hot", actions: assign({ n: 1 }) } } },
      hot: { tags: "ready", on: { STOP: "off" } },
      off: { type: "final" },
    },
  });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    initial: "on",
    context: { told: [] as unknown[], ended: false },
    states: {
      on: {
        invoke: {
          src: "child",
          id: "c",
          onSnapshot: {
            actions: assign({
              told: ({ context, event: { snapshot } }) => [
                ...context.told,
                [
                  snapshot.value,
                  snapshot.hasTag("ready" as never),
                  snapshot.can({ type: "STOP" } as never),
                ],
              ],
            }),
          },
          onDone: { actions: assign({ ended: true }) },
        },
        on: {
          HEAT: { actions: sendTo("c", { type: "HEAT" }) },
          STOP: {
            guard: ({ context }) => context.told.length > 1,
            actions: sendTo("c", { type: "STOP" }),
          },
        },
      },
    },
  });
  const world = new World().start("m", machine).send("m", { type: "STOP" });
  world.send("m/c", { type: "NOTHING" }).send("m", { type: "HEAT" }).send("m", { type: "STOP" });
  const told = [["cold", false, false], ["hot", true, true]];
  assertEquals(world.context("m"), { told, ended: true });
  assertEquals(world.snapshot("m").children?.c?.ended, true);
});

Deno.test("a synchronised child can be looked at in a guard; another one says what to write", () => {
  const child = createMachine({ id: "c", context: { n: 7 }, on: { X: {} } });
  const guard = ({ context }: { context: MachineContext }) =>
    context.ref.getSnapshot().context.n === 7;
  const machine = (syncSnapshot: boolean) =>
    setup({ actors: { child } }).createMachine({
      id: "m",
      initial: "a",
      context: ({ spawn }) => ({ ref: spawn("child", { id: "c", syncSnapshot }) }),
      states: { a: { on: { LOOK: { guard, target: "b" } } }, b: {} },
    });
  assertEquals(
    new World().start("m", machine(true)).send("m", { type: "LOOK" }).snapshot("m").value,
    "b",
  );
  const error = assertThrows(
    () => new World().start("m", machine(false)).send("m", { type: "LOOK" }),
    ActorStalledError,
  );
  assertEquals([error.code, error.path], ["child_snapshot", "children.c"]);
  assert(error.message.includes("syncSnapshot"));
});

Deno.test("a reducer is stepped: its state is its context, it may emit, and tells its parent", () => {
  const tally = fromTransition(
    (count: number, event: { type: string; by?: number }, { emit, self }) => {
      emit({ type: "counted" } as never);
      if (event.type === "FAIL") throw new Error("no");
      return self.id === "t" ? count + (event.by ?? 1) : -1;
    },
    ({ input }: { input: { from: number } }) => input.from,
  );
  const machine = setup({ actors: { tally } }).createMachine({
    id: "m",
    context: { n: 0 },
    invoke: {
      src: "tally",
      id: "t",
      input: { from: 5 },
      onSnapshot: { actions: assign({ n: ({ event }) => Number(event.snapshot.context) }) },
    },
    on: { ADD: { actions: sendTo("t", { type: "ADD", by: 3 }) } },
  });
  const world = new World().start("m", machine).send("m", { type: "ADD" });
  assertEquals([world.context("m"), world.context("m/t")], [{ n: 8 }, 8]);
  assertEquals(world.emitted, [{ address: "m/t", event: { type: "counted" } }]);
  const error = assertThrows(() => world.send("m/t", { type: "FAIL" }), ActorStalledError);
  assertEquals([error.code, error.path], ["threw", "transition"]);
});

Deno.test("a step costs nothing for what children have, and touches none of it", () => {
  const deep = (levels: number): ReturnType<typeof createMachine> =>
    levels === 0 ? createMachine({ id: "leaf" }) : setup({ actors: { inner: deep(levels - 1) } })
      .createMachine({ id: `l${levels}`, invoke: { src: "inner", id: "inner" } }) as never;
  const world = new World().start("m", deep(30));
  assertEquals(world.rows.size, 31);
  const json = JSON.stringify(world.snapshot("m"));
  assert(json.length < 400, json);
});

Deno.test("a system id belongs to one actor; it is free again once that has been stopped", () => {
  const child = createMachine({ id: "c" });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    initial: "a",
    states: {
      a: {
        invoke: { src: "child", systemId: "clerk" },
        on: { AGAIN: { target: "a", reenter: true } },
      },
    },
    on: { TWO: { actions: spawnChild("child", { systemId: "clerk" }) } },
  });
  const { snapshot } = step(machine, { address: "m" });
  const registry = { clerk: "m/0.m.a" };
  const event = { type: "AGAIN" };
  assertEquals(step(machine, { address: "m", snapshot, event, registry }).effects.length, 2);
  const error = assertThrows(
    () => step(machine, { address: "m", snapshot, event: { type: "TWO" }, registry }),
    ActorStalledError,
  );
  assertEquals([error.code, error.path], ["system_id_taken", "systemIds.clerk"]);
  const elsewhere = { clerk: "other/clerk" };
  assertThrows(() => step(machine, { address: "m", registry: elsewhere }), ActorStalledError);
});

Deno.test("a system id is free once its child was stopped, though that child has not read so yet", () => {
  const grandchild = createMachine({ id: "g" });
  const child = setup({ actors: { grandchild } }).createMachine({
    id: "c",
    invoke: { src: "grandchild", id: "g", systemId: "boy" },
  });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    initial: "on",
    states: {
      on: { invoke: { src: "child", id: "c", systemId: "clerk" }, on: { OFF: "off" } },
      off: { on: { ON: "on" } },
    },
  });
  const { snapshot } = step(machine, { address: "m" });
  const off = step(machine, { address: "m", snapshot, event: { type: "OFF" } });
  // The rows of both are there until they have taken their turns.
  const registry = { clerk: "m/c", boy: "m/c/g" };
  const on = step(machine, {
    address: "m",
    snapshot: off.snapshot,
    event: { type: "ON" },
    registry,
  });
  assertEquals(on.effects.map(({ kind }) => kind), ["spawn"]);
  const inner = { address: "m/c", parent: "m", gen: 2, registry };
  assertEquals(step(child, inner).effects.map(({ kind }) => kind), ["spawn"]);
});

Deno.test("stop() ends an actor without a word to its parent: children stop, timers are forgotten", () => {
  const child = createMachine({ id: "c" });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    exit: sendParent({ type: "BYE" }),
    invoke: { src: "child", id: "c" },
    after: { 1000: ".x" },
    initial: "x",
    states: { x: {} },
  });
  const { snapshot } = step(machine, { address: "p/m", parent: "p" });
  const stopped = stop(snapshot);
  assertEquals(stopped.effects, [
    { kind: "stop", id: "c", gen: 1 },
    { kind: "timer.cancel", timerId: "xstate.after.1000.m" },
  ]);
  assertEquals([stopped.snapshot.status, stop(stopped.snapshot).effects], ["stopped", []]);
});

Deno.test("stopping by a reference to an earlier incarnation leaves the present one alone", () => {
  const child = createMachine({ id: "c" });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    context: { first: undefined as never },
    entry: assign({ first: ({ spawn }) => spawn("child", { id: "c" }) as never }),
    on: {
      AGAIN: { actions: [stopChild("c"), spawnChild("child", { id: "c" })] },
      STOP_FIRST: { actions: stopChild(({ context }) => context.first) },
    },
  });
  const world = new World().start("m", machine).send("m", { type: "AGAIN" });
  world.send("m", { type: "STOP_FIRST" });
  assertEquals(world.snapshot("m").children?.c?.gen, 2);
  assertEquals(world.rows.get("m/c")?.status, "active");
});

Deno.test("to stop nobody is to do nothing", () => {
  const nobody = [undefined, null, "no such child"].map((who) => stopChild(() => who as never));
  const machine = createMachine({ id: "m", on: { STOP: { actions: nobody } } });
  const { snapshot } = step(machine, { address: "m" });
  const { effects, outcome } = step(machine, { address: "m", snapshot, event: { type: "STOP" } });
  assertEquals([effects, outcome], [[], "handled"]);
});

Deno.test("a wildcard that forwards everything does not forward XState's own events", () => {
  const child = createMachine({
    id: "c",
    initial: "a",
    states: { a: { on: { END: "z" } }, z: { type: "final" } },
  });
  const machine = setup({ actors: { child } }).createMachine({
    id: "m",
    entry: [spawnChild("child", { id: "c" }), spawnChild("child", { id: "d" })],
    on: { "*": { actions: forwardTo("d") } },
  });
  const world = new World().start("m", machine).send("m/c", { type: "END" });
  assertEquals(world.logged, ["xstate.done.actor.c was not sent to m/d"]);
  assertEquals(world.send("m", { type: "END" }).rows.get("m/d")?.status, "done");
});

Deno.test("addresses take any id, and say who the parent is", () => {
  for (const id of ["a", "a/b", "50%", "%2F", "a b"]) {
    assertEquals(idOf(childAddress("root/x", id), "root/x"), id);
    assertEquals(childAddress("root", id).split("/").length, 2);
  }
  assertEquals([idOf("root", undefined), childAddress("o", "pay")], ["root", "o/pay"]);
});

Deno.test("with trace, a step tells each transition it took, eventless ones too", () => {
  const machine = createMachine({
    id: "m",
    initial: "a",
    states: {
      a: { on: { GO: [{ guard: () => false, target: "c" }, { target: "b" }] } },
      b: {
        always: {
          guard: function ready() {
            return true;
          },
          target: "c",
        },
      },
      c: {},
    },
  });
  const { snapshot } = step(machine, { address: "m" });
  const event = { type: "GO" };
  const { microsteps } = step(machine, { address: "m", snapshot, event, trace: true });
  assertEquals(microsteps?.flatMap(({ taken }) => taken), [
    { source: "m.a", descriptor: "GO", index: 1, targets: ["m.b"], guard: null },
    { source: "m.b", descriptor: null, index: 0, targets: ["m.c"], guard: "ready" },
  ]);
});

/** Bytes per step: some 640 as it is, 3,900 when one old closure of XState's holds what a step makes. */
const AGED_MAX = 2_000;

Deno.test("steps leave nothing behind in memory, nor do event types that nobody knows", async () => {
  const count = Deno.env.get("TEST_SIZE") === "long" ? 1_000_000 : 50_000;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "--v8-flags=--expose-gc"],
      ...[new URL("memory_child.ts", import.meta.url).href, String(count)],
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const { early, late, aged } = JSON.parse(new TextDecoder().decode(stdout));
  // XState's own memo keeps some 200 bytes for each type, of every state that was asked.
  assert(success && late - early < 2_000_000, `${early} → ${late} bytes after ${count} steps`);
  // What a step makes dies young: held by one old object, all of it would be copied, and then marked.
  assert(aged < AGED_MAX, `${aged} bytes of each step have grown old`);
});

Deno.test("the version of XState that the engine names is the one that is locked", async () => {
  const lock = JSON.parse(await Deno.readTextFile(new URL("../../../deno.lock", import.meta.url)));
  assertEquals(Object.keys(lock.npm).filter((name) => name.startsWith("xstate@")), [
    `xstate@${XSTATE}`,
  ]);
});

Deno.test("a promise is told apart from a callback without running either", () => {
  let ran = 0;
  const promise = fromPromise(() => Promise.resolve(++ran));
  const machine = createMachine({ id: "m", entry: spawnChild("p" as never, { id: "p" }) }, {
    actors: { p: promise },
  });
  const [spawn] = step(machine, { address: "m" }).effects;
  assertEquals([spawn?.kind === "spawn" && spawn.logic, ran], ["activity", 0]);
});
