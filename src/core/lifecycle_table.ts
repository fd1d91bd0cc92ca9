/**
 * The job machine, walked once by XState itself into a table keyed by (state, event, each guard's
 * answer).
 *
 * XState's own step costs about 11 µs, too much for every job; a table lookup 0.014 µs. Guards are
 * forced here and asked live later; actions are named here and applied live later. A property test
 * compares table and machine on every combination.
 */
import { transition as xstateTransition } from "xstate";
import {
  contextUpdates,
  type DueEffect,
  dueEffects,
  JOB_EVENTS,
  JOB_STATES,
  type JobContext,
  type JobEvent,
  type JobEventType,
  jobGuards,
  jobMachine,
  type JobState,
  type When,
} from "../../machines/job.ts";

/** Name of a guard of the job machine. */
export type GuardName = keyof typeof jobGuards;

/** Name of a context change of the job machine. */
export type UpdateName = keyof typeof contextUpdates;

/** One answer of the machine. */
export interface Cell {
  readonly to: JobState;
  readonly updates: readonly UpdateName[];
  readonly due: DueEffect | null;
}

/** All answers of one (state, event), indexed by the bits of the guards' answers. */
export interface CellGroup {
  readonly guards: readonly GuardName[];
  /** `null`: rejected. */
  readonly cells: readonly (Cell | null)[];
}

const guardNames: readonly GuardName[] = ["cancelRequested", "retryAllowed", "crashesLeft"];
const updateNames: readonly UpdateName[] = [
  "startAttempt",
  "refundAttempt",
  "countCrash",
  "newEpoch",
];

/** Any context does: the guards are forced. */
const probe: JobContext = {
  attempt: 1,
  maxAttempts: 2,
  crashes: 0,
  maxCrashes: 2,
  cancelRequested: false,
};

/** Walks every (state, event, guard outcome) of the machine. About 1 ms. */
export function walkMachine(): Map<JobState, Map<JobEventType, CellGroup>> {
  const step = forcedMachine();
  return new Map(JOB_STATES.map((state) => {
    const byEvent = JOB_EVENTS.map((event) => [event, walkCells(step, state, event)] as const);
    return [state, new Map(byEvent)];
  }));
}

/** Every answer of one (state, event), by forcing each combination of the guards it names. */
function walkCells(step: ForcedStep, state: JobState, event: JobEventType): CellGroup {
  if (!jobMachine.states[state]?.transitions.has(event)) return { guards: [], cells: [null] };
  const guards = guardsNamed(state, event);
  const cells = Array.from({ length: 1 << guards.length }, (_, bits) => {
    return step(state, event, guards.filter((_, index) => (bits >> index & 1) === 1));
  });
  return { guards, cells };
}

function guardsNamed(state: JobState, event: JobEventType): GuardName[] {
  const definitions = jobMachine.states[state]?.transitions.get(event) ?? [];
  const names = definitions.map((d) => d.guard).filter((g) => g !== undefined);
  return names.map((name) => {
    const known = guardNames.find((g) => g === name);
    if (!known) {
      throw new Error(`Cannot walk the machine: guard of "${state}.${event}" has no name`);
    }
    return known;
  });
}

/** One real XState step, with the guards that hold. */
type ForcedStep = (
  state: JobState,
  event: JobEventType,
  holding: readonly GuardName[],
) => Cell | null;

/**
 * The machine with its guards forced and every action left unapplied but named.
 *
 * One for all steps: XState builds a machine anew whenever it is provided with something.
 */
function forcedMachine(): ForcedStep {
  let holds: readonly GuardName[] = [];
  const nothing = () => {};
  const traced = jobMachine.provide({
    guards: {
      cancelRequested: () => holds.includes("cancelRequested"),
      retryAllowed: () => holds.includes("retryAllowed"),
      crashesLeft: () => holds.includes("crashesLeft"),
    },
    actions: {
      startAttempt: nothing,
      refundAttempt: nothing,
      countCrash: nothing,
      newEpoch: nothing,
    },
  });
  return (state, event, holding) => {
    holds = holding;
    const before = traced.resolveState({ value: state, context: probe });
    if (!before.can(probeEvent(event))) return null;
    const [after, actions] = xstateTransition(traced, before, probeEvent(event));
    const named = actions.map((action) => action.type);
    return {
      to: after.value,
      updates: updateNames.filter((name) => named.includes(name)),
      due: dueEffects.find((name) => named.includes(name)) ?? null,
    };
  };
}

function probeEvent(type: JobEventType): JobEvent {
  const when: When = { delayMs: 0 };
  if (type === "FAIL") return { type, retryable: true, when };
  if (type === "SCHEDULE" || type === "SNOOZE") return { type, when };
  return { type };
}
