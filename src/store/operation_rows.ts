/** Rows of operations, as records. */
import { stateOf } from "../core/codes.ts";
import type { Json } from "../core/json.ts";
import type { JobName } from "../core/listing.ts";
import { ITEM_OUTCOMES, type OperationAction } from "../core/operation.ts";
import type { ActorStatus } from "./actor_records.ts";
import type { Row } from "./database.ts";
import type {
  ErrorGroup,
  Frozen,
  OperationItem,
  OperationRow,
  PartJob,
  PartRevived,
  Versioned,
  WorkerRow,
} from "./operation_records.ts";
import { field, shape, toJobName } from "./rows.ts";

/** operation_freeze.sql */
export function toFrozen(row: Row | undefined): Frozen {
  return { matched: field<number>(row, "matched"), parts: field<number>(row, "parts") };
}

/** operation_freeze.sql, a dry run */
export function toSample(row: Row): JobName[] {
  const { sample } = shape<{ sample: [string, string][] }>(row);
  return sample.map(([tenantId, id]) => ({ tenantId, id }));
}

/** operation_names.sql */
export function toVersioned(row: Row): Versioned {
  return { ...toJobName(row), version: field<number>(row, "v") };
}

/** requeue_part.sql */
export function toPartRevived(row: Row): PartRevived {
  const { size, rest } = shape<{ size: number; rest: number[] | null }>(row);
  return { size, rest: (rest ?? []).map((place) => place - 1) };
}

/** operation_part.sql */
export function toPartJob(row: Row): PartJob {
  const r = shape<{
    wanted: number;
    v: number | null;
    s: number;
    a: number;
    ma: number;
    cr: number;
    mc: number;
    cs: boolean;
  }>(row);
  const context = {
    attempt: r.a,
    maxAttempts: r.ma,
    crashes: r.cr,
    maxCrashes: r.mc,
    cancelRequested: r.cs,
  };
  const now = r.v === null ? null : { version: r.v, state: stateOf(r.s), context };
  return { ...toJobName(row), wanted: r.wanted, now };
}

/** operation_list.sql */
export function toOperation(row: Row): OperationRow {
  const r = shape<{
    t: string;
    i: string;
    is_wide: boolean;
    action: OperationAction;
    filter: Json;
    rate: number | null;
    run_at: Date | null;
    cause: string;
    requested_by: string | null;
    created_at: Date;
    matched: number;
    parts: number;
    done: number;
    skipped: number;
    status: ActorStatus | null;
    state: string | null;
    fault: Json;
    updated_at: Date | null;
  }>(row);
  return {
    tenantId: r.t,
    id: r.i,
    isWide: r.is_wide,
    action: r.action,
    filter: r.filter,
    rate: r.rate,
    runAt: r.run_at?.toISOString() ?? null,
    cause: r.cause,
    requestedBy: r.requested_by,
    createdAt: r.created_at.toISOString(),
    matched: r.matched,
    parts: r.parts,
    done: r.done,
    skipped: r.skipped,
    status: r.status,
    state: r.state,
    fault: r.fault,
    updatedAt: r.updated_at?.toISOString() ?? null,
  };
}

/** error_groups.sql */
export function toErrorGroup(row: Row): ErrorGroup {
  const r = shape<{
    f: string;
    n: string;
    first_at: Date | null;
    last_at: Date | null;
    place: string | null;
    i: string | null;
    type: string;
    queue: string;
    name: string | null;
    message: string | null;
  }>(row);
  const { type, queue, name, message } = r;
  return {
    fingerprint: r.f,
    count: Number(r.n),
    firstSeenAt: r.first_at?.toISOString() ?? null,
    lastSeenAt: r.last_at?.toISOString() ?? null,
    place: r.place ?? "",
    sample: r.i === null ? null : { jobId: r.i, type, queue, name, message },
  };
}

/** workers.sql */
export function toWorker(row: Row): WorkerRow {
  const r = shape<{
    i: string;
    every_ms: number;
    version: string;
    types: readonly string[];
    machines: readonly string[];
    queues: readonly string[] | null;
    partition_key: string | null;
    concurrency: number;
    running: number;
    charts: readonly string[] | null;
    started_at: Date;
    beat_at: Date;
    is_alive: boolean;
  }>(row);
  const { version, types, machines, queues, concurrency, running, charts } = r;
  return {
    id: r.i,
    everyMs: r.every_ms,
    ...{ version, types, machines, queues, concurrency, running, charts },
    partitionKey: r.partition_key,
    startedAt: r.started_at.toISOString(),
    beatAt: r.beat_at.toISOString(),
    isAlive: r.is_alive,
  };
}

/** operation_items.sql */
export function toItem(row: Row): OperationItem {
  const r = shape<{ n: number; k: string; o: number | null; at: Date | null }>(row);
  return {
    ...toJobName(row),
    place: [r.n, Number(r.k)],
    outcome: r.o === null ? null : ITEM_OUTCOMES[r.o] ?? null,
    at: r.at?.toISOString() ?? null,
  };
}
