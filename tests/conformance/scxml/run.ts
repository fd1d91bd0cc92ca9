/** Runs one case, live or durable, and says what went wrong. */
import {
  type AnyStateMachine,
  createActor,
  getStateNodes,
  SimulatedClock,
  type StateValue,
} from "xstate";
import { World } from "../../core/actor/world.ts";
import { stateId } from "./blocks.ts";
import type { Script } from "./cases.ts";
import { isSynthetic } from "./convert.ts";

/** A machine that runs, whichever way. */
interface Runner {
  /** After the first macrostep, before anything it sent has arrived. */
  readonly first: StateValue;
  readonly value: () => StateValue;
  readonly isActive: () => boolean;
  readonly send: (type: string) => void;
  readonly wait: (ms: number) => void;
  /** Throws what the machine failed with. */
  readonly check: () => void;
}

/** XState as it is, with a simulated clock. */
export function runLive(machine: AnyStateMachine): Runner {
  const clock = new SimulatedClock();
  const actor = createActor(machine, { clock, logger() {} });
  const first: StateValue = actor.getSnapshot().value;
  let failure: { error: unknown } | undefined;
  actor.subscribe({ error: (error) => failure = { error } });
  actor.start();
  return {
    first,
    value: () => actor.getSnapshot().value,
    isActive: () => actor.getSnapshot().status === "active",
    send: (type) => actor.send({ type }),
    // Bit by bit: a timer set by another one counts from when that one fired.
    wait(ms) {
      for (let i = 0; i < ms; i++) clock.increment(1);
    },
    check() {
      if (failure) throw failure.error;
    },
  };
}

/** `step` alone, each snapshot, event and input through a JSON text. */
export function runDurable(machine: AnyStateMachine): Runner & { readonly world: World } {
  const world = new World().start("r", machine);
  return {
    world,
    first: world.firstValue("r") as StateValue,
    value: () => world.snapshot("r").value as StateValue,
    isActive: () => world.snapshot("r").status === "active",
    send: (type) => world.send("r", { type }),
    wait: (ms) => world.advance(ms),
    check() {
      const { status, error } = world.snapshot("r");
      if (status === "error") throw new Error(JSON.stringify(error));
    },
  };
}

/** Goes through a script. @throws At the first configuration that is not, as a whole, as expected. */
export function follow(machine: AnyStateMachine, script: Script, runner: Runner): void {
  const { initialConfiguration, events } = script;
  const isSelfRunning = events.length === 0 && initialConfiguration[0] === "pass";
  if (isSelfRunning) {
    for (let i = 0; i < 100 && runner.isActive(); i++) runner.wait(100);
  }
  runner.check();
  const start = isSelfRunning ? runner.value() : runner.first;
  expect(machine, start, initialConfiguration, "at the start");
  for (const { event, nextConfiguration, after } of events) {
    if (after) runner.wait(after);
    if (runner.isActive()) runner.send(event.name);
    runner.check();
    expect(machine, runner.value(), nextConfiguration, `after ${event.name}`);
  }
}

function expect(
  { root }: AnyStateMachine,
  value: StateValue,
  ids: readonly string[],
  when: string,
): void {
  const basic = getStateNodes(root, value).filter((node) =>
    node.type === "atomic" || node.type === "final"
  );
  const got = [...new Set(basic.map(({ id }) => id))].filter((id) => !isSynthetic(id)).sort();
  const want = ids.map(stateId).sort();
  if (got.join() !== want.join()) throw new Error(`${when}: [${got}], wanted [${want}]`);
}
