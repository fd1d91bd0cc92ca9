// deno-lint-ignore-file no-console -- its answer is what it prints
/** Runs with `--expose-gc`: steps with a new event type each; bytes in use after a tenth and at the end. */
import { createMachine, log } from "xstate";
import { step } from "../../../src/core/actor/step.ts";

const machine = createMachine({ id: "m", on: { "*": { actions: log("x") }, "a.*": {} } });
const count = Number(Deno.args[0]);
let json = JSON.stringify(step(machine, { address: "m" }).snapshot);
let early = 0;
for (let i = 0; i < count; i++) {
  const event = { type: `EVENT_${i}` };
  json = JSON.stringify(
    step(machine, { address: "m", snapshot: JSON.parse(json), event }).snapshot,
  );
  if (i === Math.floor(count / 10)) early = bytes();
}
console.log(JSON.stringify({ early, late: bytes() }));

function bytes(): number {
  Object(globalThis).gc();
  return Deno.memoryUsage().heapUsed;
}
