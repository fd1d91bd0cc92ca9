/** A machine with something wrong of each kind, for `machines lint`. */
import { fromCallback, setup } from "xstate";

export const bad = setup({ actors: { listener: fromCallback(() => {}) } }).createMachine({
  id: "bad",
  initial: "a",
  states: {
    a: { on: { GO: "b", END: "z" }, after: { soon: "z" } as never },
    b: {},
    lost: { on: { GO: "z" } },
    z: { type: "final" },
  },
});
