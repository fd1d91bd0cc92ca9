/**
 * The stored form of an actor: plain JSON, fit for a `jsonb` column, in a format of our own.
 *
 * XState's persisted shape changes between its versions and leaves out timers, generations and where
 * a snapshot comes from; ours names all of it, so that a program can tell what it may take over.
 */
import type { Json } from "../json.ts";
import type { EventJson } from "./effects.ts";
import { ActorBlockedError } from "./errors.ts";

/** The format that this program writes. */
export const FORMAT = 1;

/** Which chart a snapshot belongs to. */
export interface MachineIdentity {
  readonly name: string;
  /** The author's. */
  readonly version: string;
  /** Of the structure, by `structuralHash`. */
  readonly hash: string;
}

/** A child as its parent remembers it. */
export interface ChildEntry {
  readonly src: string;
  readonly gen: number;
  readonly systemId?: string;
  readonly sync?: true;
  /** The state that invokes it; of one that was spawned, nothing. */
  readonly state?: string;
  /** It has ended, and the parent has read so. */
  readonly ended?: true;
  /** The last snapshot it told of, if it is synchronised. */
  readonly snapshot?: Json;
}

/** A timer to this actor itself that has not fired. */
export interface TimerEntry {
  readonly gen: number;
  readonly delayMs: number;
  readonly event: EventJson;
}

/** How an actor was born, if another one spawned it. */
export interface Birth {
  readonly parent: string;
  readonly gen: number;
  readonly sync?: true;
}

/** XState's names, and what a machine can be. */
export type StateValueJson = string | { readonly [key: string]: StateValueJson };

/** The envelope. What is empty is left out. */
export interface ActorSnapshot {
  readonly format: number;
  readonly xstate: string;
  readonly machine: MachineIdentity;
  readonly status: "active" | "done" | "error" | "stopped";
  readonly value: StateValueJson;
  /** Active states whose type the value does not show: final ones, and parallel ones of one region. */
  readonly types?: { readonly [stateId: string]: "final" | "parallel" };
  /** In the form of `encode`. */
  readonly context: Json;
  /** History state → the states it recalls, by id. */
  readonly history?: { readonly [stateId: string]: readonly string[] };
  readonly children?: { readonly [id: string]: ChildEntry };
  readonly timers?: { readonly [timerId: string]: TimerEntry };
  readonly birth?: Birth;
  /** The generations given out so far. */
  readonly gens: { readonly child: number; readonly timer: number };
  readonly output?: Json;
  readonly error?: Json;
  /** What is to be undone if the actor ends before its time, first done first. Not the step's. */
  readonly undo?: readonly Undo[];
  /** Of one that has ended so: what was under way and may have been done; heard of, it is undone as well. */
  readonly awaits?: readonly Omit<Undo, "output">[];
}

/** One thing that was done and can be undone. */
export interface Undo {
  /** The source that undoes it. */
  readonly src: string;
  /** The activity that did it, and its generation. */
  readonly id: string;
  readonly gen: number;
  /** What that gave, in the form of `encode`. */
  readonly output: unknown;
}

/**
 * Reads what claims to be a snapshot.
 *
 * @throws {ActorBlockedError} `snapshot_format` or `snapshot_newer`, with the path.
 */
export function readSnapshot(value: unknown, xstate: string): ActorSnapshot {
  if (!isRecord(value)) throw damaged("snapshot", "Not an object");
  const { format } = value;
  if (typeof format !== "number") throw damaged("snapshot.format", "Not a snapshot of Perdura");
  if (format > FORMAT) {
    throw newer(
      "snapshot.format",
      `Format ${format} is newer than ${FORMAT}, the newest known here`,
    );
  }
  if (format !== FORMAT) throw damaged("snapshot.format", `Unknown format ${format}`);
  if (majorOf(value.xstate) > majorOf(xstate)) {
    throw newer(
      "snapshot.xstate",
      `Written with XState ${value.xstate}; this program has ${xstate}`,
    );
  }
  if (!isEnvelope(value)) {
    throw damaged(`snapshot.${culpritOf(value)}`, "Missing, or of another type");
  }
  return value;
}

/** The checks, by field: a table, so that the path of the first broken one can be told. */
const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  xstate: (value) => typeof value === "string",
  machine: (value) =>
    isRecord(value) && [value.name, value.version, value.hash].every((x) => typeof x === "string"),
  status: (value) => typeof value === "string" && STATUSES.has(value),
  value: (value) => isStateValue(value, 0),
  types: (value) => value === undefined || isRecord(value),
  context: (value) => value !== undefined,
  history: (value) => value === undefined || isRecord(value) && Object.values(value).every(isIds),
  children: (value) =>
    value === undefined || isRecord(value) && Object.values(value).every(isChild),
  timers: (value) => value === undefined || isRecord(value) && Object.values(value).every(isTimer),
  birth: (value) =>
    value === undefined ||
    isRecord(value) && typeof value.parent === "string" && typeof value.gen === "number",
  undo: (value) => value === undefined || Array.isArray(value) && value.every(isUndo),
  awaits: (value) => value === undefined || Array.isArray(value) && value.every(isUndo),
  gens: (value) =>
    isRecord(value) && typeof value.child === "number" && typeof value.timer === "number",
};

const STATUSES = new Set(["active", "done", "error", "stopped"]);

function isEnvelope(value: unknown): value is ActorSnapshot {
  return isRecord(value) && culpritOf(value) === undefined;
}

function culpritOf(value: Record<string, unknown>): string | undefined {
  for (const name in FIELDS) if (!FIELDS[name]?.(value[name])) return name;
  return undefined;
}

/** No chart is nested deeper than this. */
const DEPTH_MAX = 100;

function isStateValue(value: unknown, depth: number): value is StateValueJson {
  if (typeof value === "string") return true;
  return depth < DEPTH_MAX && isRecord(value) &&
    Object.values(value).every((inner) => isStateValue(inner, depth + 1));
}

function isIds(value: unknown): boolean {
  return Array.isArray(value) && value.every((id) => typeof id === "string");
}

function isChild(value: unknown): boolean {
  return isRecord(value) && typeof value.src === "string" && typeof value.gen === "number";
}

function isUndo(value: unknown): boolean {
  return isRecord(value) && typeof value.src === "string" && typeof value.id === "string" &&
    typeof value.gen === "number";
}

function isTimer(value: unknown): boolean {
  return isRecord(value) && typeof value.gen === "number" && isRecord(value.event) &&
    typeof value.event.type === "string" && typeof value.delayMs === "number";
}

/** Whether a value is an object with fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function majorOf(version: unknown): number {
  return typeof version === "string" ? Number.parseInt(version) : Number.NaN;
}

function damaged(path: string, reason: string): ActorBlockedError {
  return new ActorBlockedError("snapshot_format", path, reason);
}

function newer(path: string, reason: string): ActorBlockedError {
  return new ActorBlockedError("snapshot_newer", path, reason);
}
