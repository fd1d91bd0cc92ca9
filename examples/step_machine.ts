/** A statechart driven by `step` alone: no actor, no clock, no database; on Deno, Node, Workers. */
import { doneMail, step, type StepResult } from "perdura/actor";
import { fromPromise, setup } from "xstate";

const charge = fromPromise(() => Promise.resolve("never run by a step"));
const order = setup({ actors: { charge } }).createMachine({
  id: "order",
  context: ({ input }) => ({ cents: Number(input) }),
  initial: "cart",
  states: {
    cart: { on: { PAY: "paying" }, after: { 60_000: "expired" } },
    paying: { invoke: { src: "charge", id: "charge", onDone: "paid" } },
    paid: { type: "final", output: ({ event }) => Object(event).output },
    expired: { type: "final" },
  },
  output: ({ event }) => event.output, // the receipt
});
let stored = ""; // What a database would hold.
function commit({ snapshot, effects, status }: StepResult): string {
  stored = JSON.stringify(snapshot);
  return [status, ...effects.map(({ kind }) => kind)].join(" ");
}
const next = (mail: object) =>
  step(order, { address: "o1", snapshot: JSON.parse(stored), ...mail });
const told = [commit(step(order, { address: "o1", input: 4200 }))]; // active timer.set
told.push(commit(next({ event: { type: "PAY" } }))); // active timer.cancel spawn
told.push(commit(next(doneMail({ id: "charge", gen: 1 }, "r-17")))); // done
// deno-lint-ignore no-console -- what it shows
console.log(told.join("; "), JSON.parse(stored).output);
