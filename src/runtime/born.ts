/** An actor as its first turn has stored it: what a read right after the commit would give. */
import type { Json } from "../core/json.ts";
import type { ActorRow, Turn } from "../store/store.ts";
import type { Seat } from "./ledger.ts";

/**
 * The row of an actor that is born by `turn`. Null: there is more of it in other tables, which only the
 * database can tell.
 *
 * @param at When the turn was committed, by the database.
 */
export function bornRow(seat: Seat, turn: Turn, at: Date): ActorRow | null {
  const { birth, sent, children, left, activities } = turn;
  if (!birth || sent.length > 0 || children.length > 0 || left.length > 0) return null;
  const { tenantId, id, version, status, state, machineVersion, machineHash } = turn;
  const { rootId, parentId = null, machine } = seat;
  const createdAt = at.toISOString();
  return {
    ...{ tenantId, id, rootId, parentId, version, status, state, machineVersion, machineHash },
    ...{ machine, uid: birth.uid, rootMachine: birth.rootMachine, systemId: null },
    ...{ createdAt, updatedAt: createdAt, tags: [...turn.tags], timers: [], children: [] },
    fault: copyOf(turn.fault),
    input: copyOf(birth.input),
    origin: copyOf(birth.origin),
    snapshot: copyOf(turn.snapshot),
    activities: activities
      .map(({ childId, src, jobId }) => ({ id: childId, src, jobId }))
      .sort((a, b) => a.jobId < b.jobId ? -1 : 1),
  };
}

/** The engine goes on from what it has: nobody else gets a hand on it. */
function copyOf(value: unknown): Json {
  return value === null || value === undefined ? null : JSON.parse(JSON.stringify(value));
}
