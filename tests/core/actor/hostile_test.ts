/**
 * Whatever comes in, a step gives its whole result or one of three errors, and changes nothing that it
 * was given: random events, forged ones, origins, snapshots that were bent.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { assign, createMachine, fromPromise, fromTransition, raise, sendTo, setup } from "xstate";
import {
  acceptedEvents,
  ActorBlockedError,
  ActorStalledError,
  compatibilityOf,
  foresee,
  step,
  stop,
} from "../../../src/core/actor/mod.ts";
import { InvalidInputError } from "../../../src/core/errors.ts";

const kid = createMachine({
  id: "kid",
  on: { HI: { actions: sendTo("#_parent", { type: "HO" }) } },
});

/** A chart with something of everything, and code that trusts its events, as code does. */
const machine = setup({
  actors: {
    kid,
    work: fromPromise(() => Promise.resolve()),
    tally: fromTransition((n: number) => n + 1, 0),
  },
  guards: {
    much: ({ event }) => Object(event).list.length > 2,
    few: ({ context }) => context.seen.size < 5,
  },
}).createMachine({
  id: "m",
  type: "parallel",
  context: { seen: new Set<unknown>(), last: null as unknown, ref: null as unknown },
  states: {
    shop: {
      initial: "open",
      states: {
        open: {
          invoke: { src: "work", id: "w", onDone: "shut", onError: "sad" },
          after: { 50: "shut" },
          on: {
            A: { guard: "much", target: "shut" },
            B: { target: "open", reenter: true },
            KEEP: { actions: assign({ last: ({ event }) => event.value }) },
          },
        },
        shut: { on: { A: "open", B: "past" }, after: { 10: "sad" } },
        sad: { initial: "x", states: { x: { on: { A: "y" } }, y: { always: "#m.shop.shut" } } },
        past: { type: "history", history: "deep" },
      },
    },
    crew: {
      invoke: [{ src: "kid", id: "k", onSnapshot: {} }, { src: "tally", id: "t" }],
      on: {
        A: {
          guard: "few",
          actions: assign({ seen: ({ context }) => new Set([...context.seen, 1]) }),
        },
        "*": { actions: raise({ type: "D" }, { id: "bell", delay: ({ event }) => event.delay }) },
        SPAWN: { actions: assign({ ref: ({ spawn }) => spawn("work") }) },
        TELL: {
          actions: sendTo(
            ({ context }) => context.ref as never,
            ({ event }) => event.mail as never,
          ),
        },
      },
    },
  },
});

const TYPES = [
  ...["A", "B", "D", "KEEP", "SPAWN", "TELL", "*", "", "constructor", "__proto__", "a.b.c"],
  ...["xstate.init", "xstate.stop", "xstate.route", "xstate.after.50.m.shop.open"],
  ...[
    "xstate.done.actor.w",
    "xstate.error.actor.w",
    "xstate.snapshot.k",
    "xstate.done.state.m.shop",
  ],
];

const word = fc.oneof(fc.constantFrom(...TYPES), fc.string({ unit: "binary", maxLength: 8 }));
const tag = fc.record({
  $: fc.constantFrom(
    "Date",
    "Map",
    "Set",
    "BigInt",
    "ActorRef",
    "URL",
    "RegExp",
    "Error",
    "Object",
  ),
  v: fc.jsonValue({ maxDepth: 2 }),
});
const loose = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  tag,
  fc.anything({ withDate: true, withMap: true, withSet: true, withBigInt: true, maxDepth: 2 }),
);
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: word, value: loose, delay: loose, list: loose, mail: loose }, {
      requiredKeys: ["type"],
    }),
  },
  { weight: 1, arbitrary: loose },
);
const origin = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  {
    weight: 2,
    arbitrary: fc.record({
      childId: fc.constantFrom("w", "k", "t", "constructor", "work#4"),
      gen: fc.integer({ min: 0, max: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      timerId: fc.constantFrom("bell", "xstate.after.50.m.shop.open", "toString"),
      gen: fc.integer({ min: 0, max: 6 }),
    }),
  },
  { weight: 1, arbitrary: loose },
);

/** Where a snapshot is bent: any field, or one within it. */
const bend = fc.record({
  path: fc.array(
    fc.constantFrom(
      ...[
        "format",
        "xstate",
        "machine",
        "status",
        "value",
        "context",
        "history",
        "children",
        "gens",
      ],
      ...[
        "timers",
        "birth",
        "shop",
        "crew",
        "k",
        "w",
        "src",
        "gen",
        "seen",
        "$",
        "v",
        "bell",
        "event",
      ],
      ...["output", "error", "types", "snapshot", "constructor", "m.shop.past", "0"],
    ),
    { minLength: 1, maxLength: 3 },
  ),
  to: loose,
});

const RUNS = Deno.env.get("TEST_SIZE") === "long" ? 20_000 : 300;

/** The result, or undefined after an error that a caller knows what to do with. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    const isKnown = error instanceof InvalidInputError || error instanceof ActorStalledError ||
      error instanceof ActorBlockedError;
    if (!isKnown) throw new Error("An error that nobody knows", { cause: error });
    if (error instanceof InvalidInputError) assert(error.issues.length > 0);
    return undefined;
  }
}

Deno.test("whatever event comes, a step gives its whole result or a typed error, and changes nothing", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(event, origin), { minLength: 1, maxLength: 6 }), (mails) => {
      let snapshot: unknown = step(machine, { address: "m" }).snapshot;
      for (const [event, from] of mails) {
        const before = JSON.stringify(snapshot);
        const told = fc.stringify(event);
        const input = { address: "m", snapshot, event, from } as Parameters<typeof step>[1];
        const result = attempt(() => step(machine, input));
        attempt(() => foresee(machine, input));
        assertEquals([JSON.stringify(snapshot), fc.stringify(event)], [before, told]);
        if (!result) continue;
        const text = JSON.stringify(result.snapshot);
        assertEquals(JSON.parse(text), result.snapshot);
        snapshot = JSON.parse(text);
        // What a step has written, the next one reads.
        acceptedEvents(machine, snapshot);
        assertEquals(compatibilityOf(machine, snapshot), []);
      }
    }),
    {
      numRuns: RUNS,
      // What is no event, and that JSON does not have either.
      examples: [[[[{ type: "SPAWN" }, undefined], [{ type: "TELL", mail: [0n] }, undefined]]]],
    },
  );
});

Deno.test("a snapshot that was bent is blocked or stepped, never an error that nobody knows", () => {
  const { snapshot } = step(machine, { address: "m" });
  const events = ["A", "B", "KEEP", "TELL", "xyz"];
  fc.assert(
    fc.property(bend, fc.constantFrom(...events), ({ path, to }, type) => {
      const bent = structuredClone(snapshot) as unknown as Record<string, unknown>;
      if (!put(bent, path, to)) return;
      const before = fc.stringify(bent);
      const input = { address: "m", snapshot: bent, event: { type } };
      attempt(() => step(machine, input));
      attempt(() => acceptedEvents(machine, bent));
      attempt(() => compatibilityOf(machine, bent));
      attempt(() => stop(bent));
      assertEquals(fc.stringify(bent), before);
    }),
    { numRuns: RUNS },
  );
});

/** Sets a field, if the way to it is there. */
function put(into: Record<string, unknown>, path: readonly string[], to: unknown): boolean {
  const last = path.at(-1) ?? "";
  let at: unknown = into;
  for (const key of path.slice(0, -1)) {
    at = Object.hasOwn(Object(at), key) ? Object(at)[key] : undefined;
  }
  if (typeof at !== "object" || at === null) return false;
  Object.assign(at, { [last]: to });
  return true;
}
