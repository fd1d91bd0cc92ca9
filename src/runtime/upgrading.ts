/** An actor of an earlier version, brought to the one that is here: by migrations, or as it is. */
import {
  ActorBlockedError,
  type ActorSnapshot,
  adopt,
  type Effect,
  type EventJson,
  migrateSnapshot,
} from "../core/actor/mod.ts";
import type { ActorView } from "../store/store.ts";
import type { Logic, Machines } from "./machines.ts";

/** Where an actor has been brought. */
export interface Upgrade {
  readonly logic: Logic;
  readonly version: string;
  readonly snapshot: ActorSnapshot;
  readonly effects: readonly Effect[];
  /** To send it, once it is there. */
  readonly event?: EventJson;
  /** Types of events that it has put off and is not offered again. */
  readonly forget: readonly string[];
}

/** What of an actor is needed. */
export type Upgradable = Pick<
  ActorView,
  "id" | "machine" | "rootMachine" | "machineVersion" | "snapshot" | "parentId"
>;

/**
 * Null: nothing here takes it over; it stays with its own version.
 *
 * @throws {ActorBlockedError} What is here would take it over, and cannot.
 */
export function upgraded(machines: Machines, actor: Upgradable): Upgrade | null {
  const target = machines.latest(actor.rootMachine);
  if (!target || actor.snapshot === null) return null;
  const { migrations = [], adopts = false, definition: { version } } = target;
  const logic = machines.logicOf({ ...actor, machineVersion: version });
  const isRoot = actor.parentId === null;
  if (migrations.length === 0 && !adopts) return null;
  if (!logic) {
    throw new ActorBlockedError(
      "unknown_source",
      "machine",
      `Version "${version}" of "${actor.rootMachine}" has no "${actor.machine}"`,
    );
  }
  if (isRoot && migrations.length > 0) {
    const { snapshot, effects, event, forget } = migrateSnapshot(
      logic.subject,
      actor.id,
      actor.snapshot,
      migrations,
    );
    return { logic, version, snapshot, effects, forget, ...event && { event } };
  }
  const snapshot = adopt(logic.subject, actor.snapshot);
  return { logic, version, snapshot, effects: [], forget: [] };
}
