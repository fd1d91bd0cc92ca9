/** What comes into a step: an event, and whether it is one that the actor waits for. */
import { InvalidInputError } from "../errors.ts";
import type { Json } from "../json.ts";
import { CodecError, decode, encode } from "./codec.ts";
import type { EventJson, Origin } from "./effects.ts";
import type { LiveEvent, Ref } from "./engine.ts";
import { type ActorSnapshot, isRecord } from "./envelope.ts";
import { storing } from "./errors.ts";

/** An event for an actor, and where it comes from if the actor waits for it. */
export interface Mail {
  readonly event: EventJson;
  readonly from?: Origin;
}

/** A child, as its `spawn` effect names it. */
export interface ChildName {
  readonly id: string;
  readonly gen: number;
}

/** The mail that tells a parent of an activity's result. `output` is a value, not its stored form. */
export function doneMail({ id, gen }: ChildName, output: unknown): Mail {
  const json = storing(() => encode(output, "output"));
  return {
    event: { type: `xstate.done.actor.${id}`, output: json, actorId: id },
    from: { childId: id, gen },
  };
}

/** The mail that tells a parent of an activity that failed for good. Any thrown value will do. */
export function errorMail({ id, gen }: ChildName, error: unknown): Mail {
  return {
    event: { type: `xstate.error.actor.${id}`, error: encodeThrown(error), actorId: id },
    from: { childId: id, gen },
  };
}

/** A thrown value as JSON, whatever it is. */
export function encodeThrown(error: unknown): Json {
  try {
    return encode(error, "error");
  } catch {
    return encode(new Error(String(error)), "error");
  }
}

/**
 * Checks what claims to be an event.
 *
 * XState's own types (`xstate.…`) come from timers and children only. Anybody could write one; what
 * tells a true one is its `from`, which a client cannot send.
 *
 * @throws {InvalidInputError}
 */
export function readMail(event: unknown, from: Origin | undefined): Mail {
  if (!isEvent(event)) {
    throw refused("event.type", "An event is an object with a type: a text, not empty, not *");
  }
  const { type } = event;
  if (from !== undefined && !isOrigin(from)) {
    throw refused("from", "Not what a timer or a child says of itself: { timerId | childId, gen }");
  }
  if (!from && type.startsWith("xstate.")) {
    throw refused("event.type", `"${type}" is an event of XState's own: nobody can send it`);
  }
  if (from && "childId" in from && !tells(type, from.childId)) {
    throw refused("event.type", `"${type}" tells nothing of the child "${from.childId}"`);
  }
  return { event, ...from && { from } };
}

function isEvent(value: unknown): value is EventJson {
  return isRecord(value) && typeof value.type === "string" && !["", "*"].includes(value.type);
}

function isOrigin(from: unknown): from is Origin {
  if (!isRecord(from) || typeof from.gen !== "number") return false;
  return typeof from.timerId === "string" || typeof from.childId === "string";
}

/** The event as a value. @throws {InvalidInputError} */
export function openMail({ event }: Mail, refFrom: (ref: Ref) => unknown): LiveEvent {
  try {
    const live = decode(event, "event", refFrom);
    if (isRecord(live)) return { ...live, type: event.type };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw refused(error.path, error.reason);
  }
  throw refused("event", "Not an object");
}

/**
 * Whether nobody waits for this mail any more: its timer was replaced or cancelled, its child belongs
 * to an earlier incarnation. The end of a child that was stopped after it had ended is still heard, as
 * W3C test 236 wants; its failure is not, for it would end an actor that has moved on.
 */
export function isStale({ timers, children }: ActorSnapshot, { event, from }: Mail): boolean {
  if (!from) return false;
  if ("timerId" in from) {
    const timer = timers?.[from.timerId];
    return timer?.gen !== from.gen || timer.event.type !== event.type;
  }
  const child = children?.[from.childId];
  return child ? child.gen !== from.gen || child.ended === true : !isDone(event.type);
}

/** Whether an event tells of a child's end. */
function isDone(type: string): boolean {
  return type.startsWith("xstate.done.actor.");
}

/** Whether an event tells of a child's snapshot. */
export function isSnapshot(type: string): boolean {
  return type.startsWith("xstate.snapshot.");
}

function tells(type: string, id: string): boolean {
  return ["done.actor", "error.actor", "snapshot"].some((what) => type === `xstate.${what}.${id}`);
}

function refused(path: string, message: string): InvalidInputError {
  return new InvalidInputError([{ path, message }]);
}
