// deno-lint-ignore-file no-console -- what it measures, it prints
/**
 * What a step of the statechart engine costs, both JSON passes included: `deno run -A --config deno.json bench/step.ts`.
 *
 * Beside each figure stand a loop that does the same by hand, the JSON passes alone, and XState's own
 * live actor, which stores nothing. It counts the processor time of this process, its collector and
 * compiler too: three runs, after one to warm up. The one in the middle is the figure.
 */
import process from "node:process";
import { assign, createActor, createMachine, emit, log, raise, setup } from "xstate";
import { step } from "../src/core/actor/step.ts";

const RUNS = 3;
const STEPS = 20_000;

const small = setup({}).createMachine({
  id: "small",
  initial: "cart",
  context: { n: 0, items: [1, 2, 3], who: { name: "Ada", at: "example.com" } },
  states: {
    cart: {
      on: { ADD: { actions: assign({ n: ({ context }) => context.n + 1 }) }, PAY: "paying" },
      after: { 60_000: "expired" },
    },
    paying: { on: { BACK: "cart" } },
    expired: {},
  },
});

const REGIONS = 10;

/** Ten regions that all change with one event, and forty effects. */
const wide = createMachine(
  {
    id: "wide",
    type: "parallel",
    context: { n: 0 },
    states: Object.fromEntries(
      Array.from({ length: REGIONS }, (_, i) => [`r${i}`, {
        initial: "a",
        states: { a: { on: { TICK: turn("b") } }, b: { on: { TICK: turn("a") } } },
      }]),
    ),
  } as never,
);

function turn(target: string) {
  const count = assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 });
  const bell = raise({ type: "BELL" }, { delay: 1000 });
  return {
    target,
    actions: [count, emit({ type: "turned" }), log("turned"), bell, emit({ type: "x" })],
  };
}

/** Prints microseconds of processor time of each run, and the one in the middle. */
function measure(name: string, work: () => void): void {
  const runs = Array.from({ length: RUNS + 1 }, () => {
    const begin = process.cpuUsage();
    for (let i = 0; i < STEPS; i++) work();
    const { user, system } = process.cpuUsage(begin);
    return (user + system) / STEPS;
  }).slice(1).sort((a, b) => a - b);
  const [low, middle, high] = runs.map((figure) => figure.toFixed(1).padStart(8));
  console.log(`  ${name.padEnd(44)}${middle} µs   (${low} ${middle} ${high})`);
}

function report(
  machine: Parameters<typeof createActor>[0],
  type: string,
  byHand: (s: never) => unknown,
) {
  const first = JSON.stringify(step(machine as never, { address: "b" }).snapshot);
  let json = first;
  let effects = 0;
  measure("step, with both JSON passes", () => {
    const result = step(machine as never, {
      address: "b",
      snapshot: JSON.parse(json),
      event: { type },
    });
    // Timers would pile up; a store has them in rows of their own.
    json = machine === (wide as never) ? first : JSON.stringify(result.snapshot);
    if (machine === (wide as never)) JSON.stringify(result.snapshot);
    effects = result.effects.length;
  });
  measure("the JSON passes alone", () => void JSON.stringify(JSON.parse(first)));
  measure("a plain loop: JSON, the change by hand, JSON", () => {
    JSON.stringify(byHand(JSON.parse(first) as never));
  });
  const actor = createActor(machine, {
    logger() {},
    clock: { setTimeout: () => 0, clearTimeout() {} } as never,
  });
  actor.start();
  measure("XState live: send(), nothing stored", () => actor.send({ type } as never));
  console.log(`  ${effects} effects, ${first.length} bytes of snapshot`);
}

if (import.meta.main) {
  console.log("A small machine: one assign, one timer armed (wanted: at most 40 µs)");
  report(small as never, "ADD", (s: { context: { n: number } }) => {
    s.context.n++;
    return s;
  });
  console.log("Ten regions change, forty effects (wanted: at most 600 µs)");
  report(wide as never, "TICK", (s: { value: Record<string, string>; context: { n: number } }) => {
    for (const region of Object.keys(s.value)) {
      s.value[region] = s.value[region] === "a" ? "b" : "a";
    }
    s.context.n += REGIONS;
    const effects = Object.keys(s.value).flatMap((region) => [
      { kind: "emit", event: { type: "turned" } },
      { kind: "log", value: "turned" },
      { kind: "timer.set", timerId: region, event: { type: "BELL" }, delayMs: 1000 },
      { kind: "emit", event: { type: "x" } },
    ]);
    return { ...s, effects };
  });
}
