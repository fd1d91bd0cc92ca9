/** An operation as clients see it. */
import type { Json } from "../core/json.ts";
import type { OperationAction } from "../core/operation.ts";
import type { OperationRow } from "../store/store.ts";
import { isEnded } from "./place.ts";

/**
 * `running`: parts are being carried out; `resting`: between two of them, for the sake of its rate;
 * `stopping`, `stopped`: by an operator, RESUME goes on; `failed`: it stalled, RESUME tries again.
 */
export type OperationState = "running" | "resting" | "stopping" | "stopped" | "done" | "failed";

/** All keys present, null when empty. */
export interface Operation {
  readonly id: string;
  /** Null: over the jobs of many tenants. */
  readonly tenantId: string | null;
  readonly action: OperationAction;
  readonly state: OperationState;
  readonly filter: Json;
  readonly ratePerSecond: number | null;
  readonly runAt: string | null;
  /** Jobs that were chosen. */
  readonly matched: number;
  readonly done: number;
  /** Jobs that had moved on, or did not take it. */
  readonly skipped: number;
  readonly requestedBy: string | null;
  readonly error: Json;
  readonly createdAt: string;
  readonly finishedAt: string | null;
  readonly accepts: readonly ("STOP" | "RESUME")[];
}

/** The operation of a row. */
export function operationOf(row: OperationRow): Operation {
  const state = stateOf(row);
  const isOver = row.status !== null && isEnded(row.status);
  return {
    id: row.id,
    tenantId: row.isWide ? null : row.tenantId,
    action: row.action,
    state,
    filter: row.filter,
    ratePerSecond: row.rate,
    runAt: row.runAt,
    matched: row.matched,
    done: row.done,
    skipped: row.skipped,
    requestedBy: row.requestedBy,
    error: row.fault,
    createdAt: row.createdAt,
    finishedAt: isOver ? row.updatedAt : null,
    accepts: state === "running" || state === "resting"
      ? ["STOP"]
      : state === "stopped" || state === "failed"
      ? ["RESUME"]
      : [],
  };
}

function stateOf({ status, state }: OperationRow): OperationState {
  if (status === "done") return "done";
  if (status !== "active") return "failed";
  const known = ["running", "resting", "stopping", "stopped"] as const;
  return known.find((name) => name === state) ?? "running";
}
