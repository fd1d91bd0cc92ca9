/**
 * `transition(job, event)`: the one door to the job machine.
 *
 * Looks the answer up in the table that XState made of the machine (`lifecycle_table.ts`), asking
 * the guards and applying the context changes live.
 */
import { initialTransition } from "xstate";
import {
  contextUpdates,
  type DueEffect,
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
import { type GuardName, walkMachine } from "./lifecycle_table.ts";

const table = walkMachine();

/** The part of a job that decides. */
export interface JobPosition {
  readonly state: JobState;
  readonly context: JobContext;
}

/** What the machine answers: the next position, and when the job is due. */
export interface Decision {
  readonly accepted: true;
  readonly event: JobEventType;
  readonly from: JobState;
  readonly to: JobState;
  readonly context: JobContext;
  /** `null`: it keeps its due time. */
  readonly due: When | null;
}

/** The event is not accepted in this state. */
export interface Rejection {
  readonly accepted: false;
  readonly event: JobEventType;
  readonly from: JobState;
  /** Event types that the state handles. */
  readonly accepts: readonly JobEventType[];
}

/**
 * Ask the machine what `event` does to a job.
 *
 * Pure; reads no clock. Durations come back as they went in, and the store adds them to the
 * database's clock.
 */
export function transition(job: JobPosition, event: JobEvent): Decision | Rejection {
  const group = table.get(job.state)?.get(event.type);
  const cell = group?.cells[guardBits(group.guards, job.context, event)];
  if (!cell) {
    return {
      accepted: false,
      event: event.type,
      from: job.state,
      accepts: acceptedEvents(job.state),
    };
  }
  let context = job.context;
  for (const name of cell.updates) context = { ...context, ...contextUpdates[name](context) };
  return {
    accepted: true,
    event: event.type,
    from: job.state,
    to: cell.to,
    context,
    due: dueOf(cell.due, event),
  };
}

/** Event types that `state` handles under some guard outcome, in the order of the list. */
export function acceptedEvents(state: JobState): readonly JobEventType[] {
  return JOB_EVENTS.filter((type) => table.get(state)?.get(type)?.cells.some(Boolean));
}

/** States in which `event` is handled, in the order of the list. */
export function statesAccepting(event: JobEventType): readonly JobState[] {
  return JOB_STATES.filter((state) => table.get(state)?.get(event)?.cells.some(Boolean));
}

/** The state that `event` always leads to. Throws when a guard decides it. */
export function targetOf(event: JobEventType): JobState {
  const cells = JOB_STATES.flatMap((state) => table.get(state)?.get(event)?.cells ?? []);
  const [only, ...others] = new Set(cells.filter((cell) => cell !== null).map((cell) => cell.to));
  if (!only || others.length > 0) throw new Error(`Cannot name one target of "${event}"`);
  return only;
}

/** Where every job begins. `ENQUEUE` is the creation itself, row 1 of every history. */
export const INITIAL_STATE: JobState = initialTransition(jobMachine, {
  maxAttempts: 1,
  maxCrashes: 1,
})[0].value;

const terminalStates: ReadonlySet<JobState> = new Set(
  JOB_STATES.filter((state) => jobMachine.states[state]?.tags.includes("terminal")),
);

/** True when the job has ended; only `REQUEUE` can bring it back. */
export function isTerminal(state: JobState): boolean {
  return terminalStates.has(state);
}

/** The table, one line per cell: for the snapshot a reviewer reads. */
export function describeTable(): string[] {
  return JOB_STATES.flatMap((state) =>
    JOB_EVENTS.flatMap((event) => {
      const group = table.get(state)?.get(event);
      if (!group?.cells.some(Boolean)) return [`${state} × ${event} → rejected`];
      return group.cells.map((cell, bits) => {
        const asked = group.guards.map((g, i) => `${bits >> i & 1 ? "" : "not "}${g}`).join(", ");
        const done = cell
          ? [cell.to, ...cell.updates, ...(cell.due ? [cell.due] : [])]
          : ["rejected"];
        return `${state} × ${event}${asked ? ` [${asked}]` : ""} → ${done.join(" + ")}`;
      });
    })
  );
}

function guardBits(guards: readonly GuardName[], context: JobContext, event: JobEvent): number {
  let bits = 0;
  for (let i = 0; i < guards.length; i++) {
    const name = guards[i];
    if (name && jobGuards[name](context, event)) bits |= 1 << i;
  }
  return bits;
}

function dueOf(effect: DueEffect | null, event: JobEvent): When | null {
  if (effect === "dueNow") return { delayMs: 0 };
  if (effect === null) return null;
  if ("when" in event) return event.when;
  throw new Error(`Cannot apply "${effect}": event "${event.type}" carries no time`);
}
