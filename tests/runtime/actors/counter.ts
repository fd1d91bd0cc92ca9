/** An actor that counts what it has read. */
import { assign, setup } from "xstate";
import { defineMachine } from "../../../src/core/actor/mod.ts";

export const counter = defineMachine(
  setup({
    types: {} as { context: { n: number }; events: { type: "INC" } },
    actions: { count: assign({ n: ({ context }) => context.n + 1 }) },
  }).createMachine({ id: "counter", context: { n: 0 }, on: { INC: { actions: "count" } } }),
  { version: "1" },
);
