/**
 * A process of a family of actors: `family.ts DATABASE_URL work` is a worker, `family.ts DATABASE_URL
 * leave ID` sends a child the event that ends it, and makes no other turn.
 */
import { assign, setup } from "xstate";
import { createRuntime, defineMachine } from "perdura";

const child = setup({}).createMachine({
  id: "child",
  initial: "home",
  states: { home: { on: { LEAVE: "gone" } }, gone: { type: "final" } },
});

/** Goes on after it has heard, so that it would hear again. */
export const parent = setup({
  types: {} as { context: { heard: number; asked: number } },
  actors: { child },
  actions: {
    hear: assign({ heard: ({ context }) => context.heard + 1 }),
    answer: assign({ asked: ({ context }) => context.asked + 1 }),
  },
}).createMachine({
  id: "parent",
  context: { heard: 0, asked: 0 },
  invoke: { src: "child", id: "kid", onDone: { actions: "hear" } },
  on: { ASK: { actions: "answer" } },
});

if (import.meta.main) {
  const [databaseUrl = "", role, id = ""] = Deno.args;
  const machines = [defineMachine(parent, { version: "1" })];
  const runtime = await createRuntime({ databaseUrl, machines, migrate: false, pollMs: 100 });
  if (role === "work") runtime.work();
  else {
    await runtime.actors.send(id, { type: "LEAVE" });
    await runtime.close();
  }
}
