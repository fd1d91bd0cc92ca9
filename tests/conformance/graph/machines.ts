/** Machines whose every path is walked: ours, and two made to have all that is hard to restore. */
import { assign, cancel, fromPromise, raise, setup } from "xstate";

const charge = fromPromise(() => Promise.resolve("never run"));

/** Nested, with deep history, guards, delays, work, retries and a parallel end. */
export const orderChart = setup({
  types: { context: {} as { tries: number } },
  actors: { charge },
  guards: { mayRetry: ({ context }) => context.tries < 2 },
  actions: { count: assign({ tries: ({ context }) => Math.min(3, context.tries + 1) }) },
}).createMachine({
  id: "order",
  context: { tries: 0 },
  initial: "cart",
  states: {
    cart: {
      initial: "empty",
      on: { PAUSE: "paused", PAY: "paying" },
      states: {
        empty: { on: { ADD: "filled" } },
        filled: { initial: "one", states: { one: { on: { ADD: "many" } }, many: {} } },
        recall: { type: "history", history: "deep" },
      },
    },
    paused: {
      entry: raise({ type: "NUDGE" }, { delay: 500, id: "nudge" }),
      exit: cancel("nudge"),
      on: { RESUME: "cart.recall", NUDGE: "cart" },
    },
    paying: {
      entry: "count",
      invoke: {
        src: "charge",
        id: "charge",
        onDone: "shipping",
        onError: [{ guard: "mayRetry", target: "paying", reenter: true }, {
          target: "cart.recall",
        }],
      },
      after: { 1000: "cart.recall" },
    },
    shipping: {
      type: "parallel",
      onDone: "complete",
      states: {
        parcel: {
          initial: "open",
          states: { open: { on: { PACK: "shut" } }, shut: { type: "final" } },
        },
        paper: {
          initial: "blank",
          states: { blank: { after: { 100: "printed" } }, printed: { type: "final" } },
        },
      },
    },
    complete: { type: "final" },
  },
});

/** Regions with shallow history that are left and entered one by one. */
export const regionsChart = setup({}).createMachine({
  id: "regions",
  initial: "both",
  states: {
    both: {
      type: "parallel",
      on: { OFF: "off" },
      states: {
        left: {
          initial: "a",
          states: {
            a: { on: { L: "b" } },
            b: { on: { L: "c" } },
            c: {},
            past: { type: "history" },
          },
          on: { LEFT: ".past" },
        },
        right: {
          initial: "x",
          states: {
            x: { on: { R: "y" } },
            y: { on: { R: "x", L: "x" } },
            past: { type: "history" },
          },
        },
      },
    },
    off: {
      on: { ON: "both", LEFT: "both.left.past", BOTH: ["both.left.past", "both.right.past"] },
    },
  },
});
