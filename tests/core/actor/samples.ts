/** What several tests of the engine step. */
import { assign, fromPromise, setup } from "xstate";
import type { Effect } from "../../../src/core/actor/mod.ts";

/** Work that no step runs. */
export const work = fromPromise(() => Promise.resolve("never run by a step"));

/** The kinds of effects, in their order. */
export function kinds(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.kind);
}

/** An event that a machine's types know nothing of. */
export function ev(type: string, fields: Record<string, unknown> = {}): { type: string } {
  return { type, ...fields };
}

/** A cart that expires, and is paid by work. */
export const order = setup({ actors: { work } }).createMachine({
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
