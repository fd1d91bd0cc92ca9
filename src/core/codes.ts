/**
 * The stored codes of states and events.
 *
 * A history row is written two or three times per job; two bytes instead of a word keep it narrow.
 * The code is the position in the machine's lists, which are append-only. The tables `state_name`
 * and `event_name` carry the same pairs for people who read the database by hand.
 */
import { JOB_EVENTS, JOB_STATES, type JobEventType, type JobState } from "../../machines/job.ts";

const stateCodes: ReadonlyMap<JobState, number> = new Map(JOB_STATES.map((s, i) => [s, i]));
const eventCodes: ReadonlyMap<JobEventType, number> = new Map(JOB_EVENTS.map((e, i) => [e, i]));

/** Stored code of a state. */
export function stateCode(state: JobState): number {
  return stateCodes.get(state) ?? unknownCode("state", state);
}

/** Stored code of an event type. */
export function eventCode(event: JobEventType): number {
  return eventCodes.get(event) ?? unknownCode("event", event);
}

/** State of a stored code. Throws on a code that a newer version wrote. */
export function stateOf(code: number): JobState {
  return JOB_STATES[code] ?? unknownCode("state code", String(code));
}

/** Event type of a stored code. Throws on a code that a newer version wrote. */
export function eventOf(code: number): JobEventType {
  return JOB_EVENTS[code] ?? unknownCode("event code", String(code));
}

function unknownCode(what: string, value: string): never {
  throw new RangeError(`Cannot translate ${what} "${value}": this version does not know it`);
}
