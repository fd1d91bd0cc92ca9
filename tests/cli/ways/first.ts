/** The chart that actors were started with. */
import { setup } from "xstate";
import { defineMachine } from "perdura";

const machine = setup({}).createMachine({
  id: "way",
  initial: "start",
  states: { start: { on: { GO: "middle" } }, middle: { on: { GO: "end" } }, end: {} },
});

export const first = defineMachine(machine, { version: "1" });
