/** Where an actor stands, in the words of its row: a dotted state, and its tags. */
import type { AnyStateMachine } from "xstate";
import type { ActorSnapshot } from "../core/actor/mod.ts";
import type { StateValueJson } from "../core/actor/envelope.ts";
import { nodesOfValue } from "../core/actor/nodes.ts";
import type { ActorStatus } from "../store/store.ts";
import type { Logic } from "./machines.ts";

/** A place in a chart. */
export interface Place {
  /** `a.b`; regions of a parallel state apart by commas: `a.x.1,a.y.2`. Empty of a reducer. */
  readonly state: string;
  readonly tags: readonly string[];
}

const NOWHERE: Place = { state: "", tags: [] };
const KNOWN_MAX = 5_000;
const known = new WeakMap<AnyStateMachine, Map<string, Place>>();

/** The place of a snapshot. */
export function placeOf({ definition }: Logic, { value }: ActorSnapshot): Place {
  if (!definition) return NOWHERE;
  const { machine } = definition;
  let places = known.get(machine);
  if (!places || places.size > KNOWN_MAX) known.set(machine, places = new Map());
  const key = JSON.stringify(value);
  let place = places.get(key);
  if (!place) {
    const tags = new Set(nodesOfValue(machine.root, value).flatMap((node) => [...node.tags]));
    places.set(key, place = { state: pathsOf(value).join(","), tags: [...tags] });
  }
  return place;
}

/** The dotted paths of the innermost states. */
function pathsOf(value: StateValueJson): string[] {
  if (typeof value === "string") return [value];
  return Object.entries(value).flatMap(([key, inside]) => {
    const paths = pathsOf(inside);
    return paths.length === 0 ? [key] : paths.map((path) => `${key}.${path}`);
  });
}

/** Whether a dotted state is, or is within, another. */
export function isIn(state: string, wanted: string): boolean {
  return state.split(",").some((path) => path === wanted || path.startsWith(`${wanted}.`));
}

/** The status that a snapshot gives its actor. */
export function statusOf({ status }: ActorSnapshot): ActorStatus {
  return status === "stopped" ? "cancelled" : status;
}

/** That of one that goes on. What had ended, and could not be started again, has ended still. */
export function statusAgain(snapshot: ActorSnapshot | null): ActorStatus {
  return snapshot ? statusOf(snapshot) : "active";
}

/** Whether an actor has ended. */
export function isEnded(status: ActorStatus): boolean {
  return status === "done" || status === "error" || status === "cancelled" ||
    status === "terminated";
}

/** Whether it reads its mail: one that has ended does, to say so. */
export function mayStep(status: ActorStatus): boolean {
  return status === "active" || isEnded(status);
}
