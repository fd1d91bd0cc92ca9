/** A later one: it has lost a state, and takes over who fits. */
import { setup } from "xstate";
import { defineMachine } from "perdura";

const machine = setup({}).createMachine({
  id: "way",
  initial: "start",
  states: { start: { on: { GO: "end" } }, end: {} },
});

export const second = { definition: defineMachine(machine, { version: "2" }), adopts: true };
