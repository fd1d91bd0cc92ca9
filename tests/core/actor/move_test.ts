/** Steps that XState is not asked for come out as XState's own. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { createMachine, fromPromise } from "xstate";
import { step, type StepResult } from "../../../src/core/actor/mod.ts";
import { chartOf, configurationOf } from "../../../src/core/actor/xstate5/chart.ts";
import { moveOf } from "../../../src/core/actor/xstate5/move.ts";

const NAMES = ["a", "b", "c", "d"];
const TYPES = [
  "GO",
  "BACK",
  "xstate.done.actor.w0",
  "xstate.done.actor.w1",
  "xstate.error.actor.w0",
];

type Config = Record<string, unknown>;

const seldom = (value: unknown) =>
  fc.oneof({ weight: 19, arbitrary: fc.constant(undefined) }, {
    weight: 1,
    arbitrary: fc.constant(value),
  });

const inputs = [
  { n: 1 },
  ({ context, event }: { context: unknown; event: unknown }) => ({ context, event }),
  ({ self }: { self: { id: string; getSnapshot(): { value: unknown; children: object } } }) => ({
    id: self.id,
    // At a start there is none yet.
    at: self.getSnapshot()?.value ?? null,
    children: Object.keys(self.getSnapshot()?.children ?? {}),
  }),
  ({ self }: { self: { send(event: object): void } }) => (self.send({ type: "BACK" }), { n: 2 }),
  ({ event }: { event: { type: string } }) => {
    if (event.type === "GO") throw new Error("no input for this one");
    return { n: 3 };
  },
];

const invoke = fc.record({
  id: fc.constantFrom("w0", "w1"),
  src: fc.oneof({ weight: 12, arbitrary: fc.constant("work") }, {
    weight: 1,
    arbitrary: fc.constant("nobody"),
  }),
  input: fc.constantFrom(...inputs),
  systemId: seldom("someone"),
  onSnapshot: seldom({ actions: [] }),
}).map((of) => Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)));

const move = fc.record({
  target: fc.constantFrom(...NAMES, ...NAMES, "end", "deep", "#m.deep.y", "h", undefined),
  guard: seldom(({ context }: { context: { odd: boolean } }) => context.odd),
  actions: seldom("note"),
  reenter: seldom(true),
}).map((of) => Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)));

const moves = fc.dictionary(
  fc.constantFrom(...TYPES, ...TYPES, "*", "xstate.done.*"),
  fc.oneof(move, fc.array(move, { minLength: 1, maxLength: 2 })),
  { minKeys: 3, maxKeys: 6 },
);

const leaf = fc.record({
  on: moves,
  invoke: fc.array(invoke, { maxLength: 2 }),
  entry: seldom("note"),
  exit: seldom("note"),
  after: seldom({ 1000: "a" }),
  always: seldom({ target: "d", guard: ({ event }: { event: Config }) => event.type === "BACK" }),
  tags: fc.constantFrom(["here"], []),
}).map((of) => Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)));

const chart = fc.record({
  leaves: fc.tuple(leaf, leaf, leaf, leaf),
  inner: fc.tuple(leaf, leaf),
  end: fc.constantFrom<Config>({}, {}, { output: 7 }, { entry: "note" }),
  root: fc.record({
    exit: seldom("note"),
    output: seldom({ over: true }),
    on: seldom({ GO: "a" }),
    invoke: seldom({ id: "w1", src: "work", input: { of: "the root" } }),
    type: seldom("parallel"),
  }),
});

/** `isOther`: it has an `always` that never is, so that XState is asked for each step. */
function machineOf(of: typeof chart extends fc.Arbitrary<infer T> ? T : never, isOther: boolean) {
  const near = (config: Config, names: readonly string[]): Config => ({
    ...config,
    on: Object.fromEntries(
      Object.entries(Object(config.on)).map(([type, given]) => [
        type,
        [given].flat().map((each) => {
          const { target, ...rest } = Object(each);
          const isNear = target === undefined || names.includes(target) || target.startsWith("#");
          return isNear ? each : { ...rest, target: `#m.${target}` };
        }),
      ]),
    ),
  });
  const [x, y] = of.inner;
  const root = Object.fromEntries(
    Object.entries(of.root).filter(([, value]) => value !== undefined),
  );
  const names = [...NAMES, "end", "deep", "h"];
  const config: Config = {
    id: "m",
    initial: "a",
    context: { odd: false },
    ...root,
    ...isOther && { always: { guard: () => false } },
    states: {
      ...Object.fromEntries(of.leaves.map((each, i) => [NAMES[i], near(each, names)])),
      deep: {
        initial: "x",
        states: {
          x: near({ ...x, always: undefined }, []),
          y: near({ ...y, always: undefined }, []),
        },
      },
      h: { type: "history", history: "deep", target: "deep" },
      end: { type: "final", ...of.end },
    },
  };
  const { machine, problem } = attempt(() =>
    createMachine(config as never, {
      actors: { work: fromPromise(() => Promise.resolve(1)) },
      actions: { note: () => {} },
    } as never)
  );
  return problem ? null : machine ?? null;
}

function attempt<T>(make: () => T): { machine?: T; problem?: string } {
  try {
    return { machine: make() };
  } catch (error) {
    return { problem: String(error) };
  }
}

/** What a step gives or throws, as data; the machine's identity apart. */
function told(run: () => StepResult) {
  try {
    const { snapshot, effects, ...rest } = run();
    return {
      result: { snapshot: { ...snapshot, machine: null }, effects: plain(effects), ...rest },
    };
  } catch (error) {
    const { code, path, reason } = Object(error);
    return { thrown: { code, path, reason } };
  }
}

function plain(effects: StepResult["effects"]): unknown {
  return effects.map((effect) => {
    const { exec: _, place, ...rest } = Object(effect);
    return { ...rest, place: place?.() };
  });
}

Deno.test("a step that XState is not asked for is the one that it would have made", () => {
  let asked = 0;
  let alone = 0;
  const picks = fc.array(fc.nat({ max: 30 }), { minLength: 6, maxLength: 12 });
  fc.assert(
    fc.property(chart, picks, (of, picked) => {
      const [own, other] = [machineOf(of, false), machineOf(of, true)];
      if (!own || !other) return;
      const address = "m";
      let [here, there] = [
        attempt(() => step(own, { address })).machine,
        attempt(() => step(other, { address })).machine,
      ];
      for (const pick of picked) {
        if (!here || !there || here.status !== "active") return;
        const at = chartOf(own);
        const { snapshot } = here;
        const leaf = configurationOf(at, snapshot.value)._nodes.findLast((node) => node.parent);
        // Mostly what the state knows.
        const types = [...leaf?.transitions.keys() ?? []].filter((key) => !key.endsWith("*"));
        const type = pick < 26 && types[pick % types.length] || TYPES[pick % TYPES.length] || "GO";
        const children = Object.keys(snapshot.children ?? {}).map((id) => ({ id }) as never);
        const isAlone = snapshot.history === undefined &&
          moveOf(at, configurationOf(at, snapshot.value), type, { children });
        isAlone ? alone++ : asked++;
        const childId = /^xstate\.\w+\.actor\.(.*)$/.exec(type)?.[1];
        const gen = snapshot.children?.[childId ?? ""]?.gen ?? 1;
        const rest = childId === undefined ? {} : { from: { childId, gen } };
        const event = { type, n: 5, ...childId !== undefined && { actorId: childId } };
        const send = (machine: typeof own, from: StepResult) => () =>
          step(machine, { address, snapshot: from.snapshot, event, trace: true, ...rest });
        const [a, b] = [told(send(own, here)), told(send(other, there))];
        assertEquals(a, b);
        here = attempt(send(own, here)).machine;
        there = attempt(send(other, there)).machine;
      }
    }),
    { numRuns: 250 },
  );
  assertGreater(alone, 40);
  assertGreater(asked, 40);
});

Deno.test("XState is asked wherever a transition does more than to move", () => {
  const work = { actors: { work: fromPromise(() => Promise.resolve(1)) } };
  const of = (over: Config, from: Config = {}, to: Config = {}, root: Config = {}) =>
    createMachine(
      {
        id: "m",
        initial: "a",
        ...root,
        states: { a: { on: { GO: { target: "b", ...over } }, ...from }, b: to },
      } as never,
      work as never,
    );
  const isAlone = (machine: ReturnType<typeof of>, children: string[] = []) => {
    const at = chartOf(machine);
    const scene = { children: children.map((id) => ({ id }) as never) };
    return moveOf(at, configurationOf(at, "a"), "GO", scene) !== undefined;
  };
  assert(isAlone(of({})));
  assert(isAlone(of({}, { invoke: { src: "work" } }, { invoke: { src: "work", input: () => 1 } })));
  assert(isAlone(of({}, {}, { type: "final" })));
  const others = {
    guard: of({ guard: () => true }),
    actions: of({ actions: () => {} }),
    reenter: of({ reenter: true }),
    exit: of({}, { exit: () => {} }),
    timer: of({}, { after: { 10: "b" } }),
    entry: of({}, {}, { entry: () => {} }),
    always: of({}, {}, { always: { guard: () => false, target: "a" } }),
    alwaysOfTheRoot: of({}, {}, {}, { always: { guard: () => false, target: ".a" } }),
    systemId: of({}, {}, { invoke: { src: "work", systemId: "x" } }),
    unknownSource: of({}, {}, { invoke: { src: "nobody" } }),
    compound: of({}, {}, { initial: "c", states: { c: {} } }),
    output: of({}, {}, { type: "final", output: 1 }),
    exitOfTheRoot: of({}, {}, { type: "final" }, { exit: () => {} }),
  };
  for (const [name, machine] of Object.entries(others)) assert(!isAlone(machine), name);
  assert(!isAlone(of({}, {}, { type: "final" }), ["other"]), "children that end with it");
});
