/** An actor as clients see it, and its past. */
import {
  acceptedTypes,
  type ActorSnapshot,
  nameOf,
  patch,
  type PatchStep,
} from "../core/actor/mod.ts";
import { isRecord } from "../core/actor/envelope.ts";
import { NotFoundError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import type {
  ActorLine,
  ActorName,
  ActorRow,
  ActorStatus,
  ActorStore,
  PastStep,
} from "../store/store.ts";
import type { Machines } from "./machines.ts";
import { isEnded } from "./place.ts";

export type { ActorStatus } from "../store/store.ts";

/** An actor as clients see it: all keys present, null when empty. Values are in the codec's form. */
export interface Actor {
  readonly id: string;
  readonly tenantId: string;
  readonly machine: string;
  readonly machineVersion: string;
  readonly status: ActorStatus;
  /** Dotted; regions apart by commas. */
  readonly state: string;
  /** XState's. */
  readonly value: Json;
  readonly tags: readonly string[];
  readonly context: Json;
  readonly version: number;
  readonly output: Json;
  /** Of the machine, or why it is stalled or blocked. */
  readonly error: Json;
  readonly timers: Json;
  readonly activities: Json;
  readonly children: Json;
  readonly parentId: string | null;
  readonly forkedFrom: Json;
  /** Event types that may do something now. */
  readonly accepts: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** One step of the past. */
export interface ActorTransition {
  readonly version: number;
  readonly from: string | null;
  readonly event: string;
  readonly to: string;
  readonly at: string;
  readonly status: ActorStatus;
  readonly outcome: string;
  readonly reason: string | null;
  readonly cause: string | null;
  readonly worker: string | null;
  readonly machineVersion: string;
  /** The event itself. */
  readonly body: unknown;
  /** RFC 6902, of the context alone. */
  readonly contextPatch: readonly PatchStep[];
  readonly effects: unknown;
}

/** One page of a list. */
export interface ActorPage {
  readonly items: readonly ActorLine[];
  /** Where the next page begins; null: this is the last. */
  readonly next: string | null;
}

/** A row under the names that clients know. */
export function named<T extends { readonly id: string; readonly parentId: string | null }>(
  row: T,
): T {
  const { id, parentId } = row;
  return { ...row, id: nameOf(id), parentId: parentId === null ? null : nameOf(parentId) };
}

/** The actor of a row. */
export function actorOf(row: ActorRow, machines: Machines): Actor {
  const snapshot: Partial<ActorSnapshot> = isRecord(row.snapshot) ? row.snapshot : {};
  const { id, parentId } = named(row);
  return {
    id,
    tenantId: row.tenantId,
    machine: row.machine,
    machineVersion: row.machineVersion,
    status: row.status,
    state: row.state,
    value: Object(snapshot).value ?? null,
    tags: row.tags,
    context: snapshot.context ?? null,
    version: row.version,
    output: snapshot.output ?? null,
    error: row.fault ?? snapshot.error ?? null,
    timers: row.timers,
    activities: row.activities,
    children: row.children,
    parentId,
    forkedFrom: row.origin,
    accepts: acceptsOf(row, machines),
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}

/** What an actor may be sent now. */
export function acceptsOf(
  row: Pick<ActorRow, "machine" | "rootMachine" | "machineVersion" | "status" | "snapshot">,
  machines: Machines,
): string[] {
  const logic = machines.logicOf(row);
  if (!logic?.definition || isEnded(row.status) || row.snapshot === null) return [];
  try {
    return acceptedTypes(logic.subject, row.snapshot);
  } catch {
    // Blocked: it accepts nothing before it has been moved.
    return [];
  }
}

/** A step as clients see it. */
export function transitionOf(step: PastStep): ActorTransition {
  const { patch: steps, snapshot: _, tags: _tags, mailId: _mail, ...rest } = step;
  const below = (steps ?? []).filter(({ path }) => /^\/context(\/|$)/.test(path));
  const contextPatch = below.map((each) => ({ ...each, path: each.path.slice("/context".length) }));
  return { ...rest, contextPatch };
}

/** A place in the past. */
export interface Past {
  readonly step: PastStep;
  readonly snapshot: ActorSnapshot;
  /** It, and some before it. */
  readonly steps: readonly PastStep[];
}

/** So many steps lie between whole snapshots, at most, and then some. */
const REACH = 60;
/** PostgreSQL's integer: no actor has a version above. */
const VERSION_MAX = 2 ** 31 - 1;

/**
 * The snapshot that an actor had after a version: the last whole one before it, and the patches since.
 *
 * @throws {NotFoundError} It never had that version, or retention has passed over it.
 */
export async function pastOf(
  actors: Pick<ActorStore, "history">,
  name: ActorName,
  version: number,
): Promise<Past> {
  const upTo = Math.min(Math.trunc(version) || 0, VERSION_MAX);
  const steps = await actors.history(name, Math.max(0, upTo - REACH), upTo, REACH, true);
  const last = steps.at(-1);
  const start = steps.findLastIndex(({ snapshot }) => snapshot !== null);
  if (last?.version !== version || start < 0) {
    throw new NotFoundError(`version ${version} of actor`, nameOf(name.id));
  }
  let snapshot: Json = Object(steps[start]?.snapshot);
  for (const { patch: changes } of steps.slice(start + 1)) {
    if (changes) snapshot = patch(snapshot, changes);
  }
  return { step: last, snapshot: Object(snapshot), steps };
}
