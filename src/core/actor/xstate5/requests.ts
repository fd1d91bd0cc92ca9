/** What XState's actions ask for, in the words of `engine.ts`. */
import type { LiveEvent, Ref, Request } from "../engine.ts";
import { isRecord } from "../envelope.ts";
import { ActorStalledError } from "../errors.ts";
import { refOf } from "../refs.ts";
import type { Captured } from "./system.ts";

/** The request of an action; nothing of one that has had its effect inside the step. */
export function requestOf(
  { type, params, info, exec }: Captured,
  self: object,
  isNamed: (type: string) => boolean,
): Request | undefined {
  const of = isRecord(params) ? params : {};
  switch (type) {
    case "xstate.raise":
      return raised(of, self);
    case "xstate.sendTo":
      return { kind: "send", to: actor(of.to), ...mail(of) };
    case "xstate.spawnChild":
      return { kind: "spawn", ref: actor(of.actorRef), input: of.input };
    case "xstate.stopChild":
      // To stop nobody is to do nothing, as in XState.
      return params ? { kind: "stop", ref: actor(params) } : undefined;
    case "xstate.cancel":
      return { kind: "cancel", id: String(of.sendId) };
    case "xstate.emit":
      return { kind: "emit", event: eventOf(of.event) };
    case "xstate.log":
      return { kind: "log", value: of.value, label: textOf(of.label) };
    default:
      return {
        kind: "action",
        type,
        params,
        named: isNamed(type),
        at: Object(info),
        exec: () => exec?.(info, params),
      };
  }
}

/** A raise without a delay has been taken already; an `after` always has one. */
function raised(of: Record<string, unknown>, self: object): Request | undefined {
  const request = mail(of);
  const isAfter = request.event.type.startsWith("xstate.after.");
  if (request.delay === undefined && !isAfter) return undefined;
  return { kind: "send", to: actor(self), ...request, delay: request.delay ?? Number.NaN };
}

function mail(of: Record<string, unknown>) {
  const delay = typeof of.delay === "number" ? of.delay : undefined;
  return { event: eventOf(of.event), id: textOf(of.id), delay };
}

function eventOf(value: unknown): LiveEvent {
  if (isEvent(value)) return value;
  // Of the value, its kind alone: it may be large, secret, or nothing that JSON has.
  const kind = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
  throw new ActorStalledError(
    "threw",
    "",
    `Sends a value (${kind}) that is no event with a type`,
  );
}

function isEvent(value: unknown): value is LiveEvent {
  return isRecord(value) && typeof value.type === "string";
}

function actor(object: unknown): Ref {
  const ref = refOf(Object(object));
  if (ref) return ref;
  throw new ActorStalledError(
    "unknown_target",
    "",
    "Cannot send to an actor that lives in this process alone: send to self, a child, the parent, " +
      "or what system.get gives",
  );
}

function textOf(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : String(value);
}
