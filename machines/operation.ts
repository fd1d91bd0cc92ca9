/**
 * The life of an operation over many jobs: it carries out one part after the other until none is left.
 *
 * Entering `running` asks for the next part; the part and what became of its jobs commit with that very
 * step, and the mail PART_DONE comes of the same commit. So no part is carried out twice, whatever dies
 * in between, and STOP never interrupts one.
 */
import { assign, setup } from "xstate";

/** What an operation is started with: its parts are frozen already. */
export interface OperationInput {
  readonly parts: number;
  /** Pause after each part, milliseconds. */
  readonly restMs: number;
}

/** What it takes. PART_DONE comes from itself alone. */
export type OperationEvent =
  | { readonly type: "PART_DONE" }
  | { readonly type: "STOP" }
  | { readonly type: "RESUME" };

interface OperationContext extends OperationInput {
  /** The next part, from 0. */
  readonly part: number;
}

/** The chart. */
export const operationMachine = setup({
  types: {} as {
    context: OperationContext;
    events: OperationEvent;
    input: OperationInput;
    tags: "working";
  },
  actions: {
    /** Carries out one part, in the commit of the step. */
    applyPart: (_, _params: { readonly part: number }) => {},
    countPart: assign({ part: ({ context }) => context.part + 1 }),
  },
  guards: {
    isEmpty: ({ context }) => context.parts === 0,
    isLast: ({ context }) => context.part + 1 >= context.parts,
    isPaced: ({ context }) => context.restMs > 0,
  },
  delays: { rest: ({ context }) => context.restMs },
}).createMachine({
  id: "perdura.operation",
  description: "One event for many jobs, part by part.",
  context: ({ input }) => ({ ...input, part: 0 }),
  initial: "starting",
  states: {
    starting: { always: [{ guard: "isEmpty", target: "done" }, { target: "running" }] },
    running: {
      tags: "working",
      entry: { type: "applyPart", params: ({ context }) => ({ part: context.part }) },
      on: {
        PART_DONE: [
          { guard: "isLast", target: "done", actions: "countPart" },
          { guard: "isPaced", target: "resting", actions: "countPart" },
          { target: "running", reenter: true, actions: "countPart" },
        ],
        STOP: "stopping",
      },
    },
    resting: { tags: "working", after: { rest: "running" }, on: { STOP: "stopped" } },
    stopping: {
      on: {
        PART_DONE: [
          { guard: "isLast", target: "done", actions: "countPart" },
          { target: "stopped", actions: "countPart" },
        ],
      },
    },
    stopped: { on: { RESUME: "running" } },
    done: { type: "final" },
  },
});
