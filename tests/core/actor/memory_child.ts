// deno-lint-ignore-file no-console -- its answer is what it prints
/**
 * Whether steps leave anything behind in memory:
 * `deno run -A --v8-flags=--expose-gc tests/core/actor/memory_child.ts 1000000`.
 *
 * An order is filled, paid, given back and filled again: timers are set and cancelled, work is spawned
 * and ends, a history is recalled; every fourth event is of a type that nobody has ever sent before.
 * Prints the bytes of the heap in use after a tenth of the steps and after all of them, and how many per
 * step have outlived the collections of young objects in the steps after that.
 */
import { getHeapSpaceStatistics } from "node:v8";
import { assign, fromPromise, log, setup, spawnChild, stopChild } from "xstate";
import { type ActorSnapshot, doneMail, step } from "../../../src/core/actor/mod.ts";

const work = fromPromise(() => Promise.resolve());
const count = Number(Deno.args[0] ?? 1_000_000);
/** Some collections of young objects, and none of the whole heap. */
const AGEING = 3_000;

const order = setup({ actors: { work } }).createMachine({
  id: "order",
  initial: "cart",
  context: { n: 0, at: new Date(0), ref: null as unknown },
  on: {
    "*": { actions: log("unknown") },
    "a.*": {},
    HELPER: {
      actions: [
        stopChild(({ context }) => context.ref as never),
        assign({ ref: ({ spawn }) => spawn("work") }),
      ],
    },
  },
  states: {
    cart: {
      initial: "open",
      states: { open: { on: { FILL: "full" } }, full: {}, last: { history: "deep" } },
      after: { 60_000: "gone" },
      on: { PAY: "paying", FILL: ".full" },
    },
    paying: {
      entry: assign({ n: ({ context }) => context.n + 1, at: () => new Date() }),
      invoke: { src: "work", id: "pay", onDone: "cart.last" },
      exit: spawnChild("work", { id: "mail" }),
    },
    gone: {},
  },
});

let json = JSON.stringify(step(order, { address: "o" }).snapshot);
let early = 0;
for (let i = 0; i < count; i++) {
  json = after(json, i);
  if (i === Math.floor(count / 10)) early = bytes();
}
const late = bytes();
const before = old();
for (let i = 0; i < AGEING; i++) json = after(json, i);
const aged = Math.round((old() - before) / AGEING);
console.log(JSON.stringify({ steps: count, early, late, aged, snapshot: json.length }));

function after(stored: string, i: number): string {
  const snapshot: ActorSnapshot = JSON.parse(stored);
  return JSON.stringify(step(order, { address: "o", snapshot, ...mailFor(snapshot, i) }).snapshot);
}

function mailFor({ children }: ActorSnapshot, i: number) {
  if (i % 4 === 0) return { event: { type: `EVENT_${i}` } };
  if (i % 4 === 1) return { event: { type: "HELPER" } };
  if (i % 4 === 2) return { event: { type: "PAY" } };
  return doneMail({ id: "pay", gen: children?.pay?.gen ?? 0 }, { receipt: i });
}

function bytes(): number {
  Object(globalThis).gc();
  return Deno.memoryUsage().heapUsed;
}

function old(): number {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space");
  return space?.space_used_size ?? NaN;
}
