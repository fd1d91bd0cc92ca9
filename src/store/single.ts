/** What is done to one job by name: edit it, delete it, claim it, renew its lease. Guarded by its version, each. */
import { eventCode, stateCode } from "../core/codes.ts";
import type { Job } from "../core/job.ts";
import { laneKey } from "../core/lane.ts";
import type { Decision } from "../core/lifecycle.ts";
import { GRACE_MS, limits } from "../core/limits.ts";
import * as sql from "../../sql/mod.ts";
import { dueOf } from "./changes.ts";
import type { Database } from "./database.ts";
import { column, quoted } from "./literal.ts";
import { cancelParameters, removeParameters, requeueParameters } from "./operations.ts";
import { field, shape, toRequestedAt } from "./rows.ts";
import type { Edit, NamedClaim, NamedRenewal, Requeued } from "./store.ts";

/** `JobStore.edit`. */
export async function editJob(
  db: Pick<Database, "query">,
  job: Job,
  decision: Decision,
  { after, payloadJson, cause }: Edit,
): Promise<boolean> {
  const isLarge = (payloadJson?.length ?? 0) > limits.inlineBytesMax;
  const json = (value: unknown) => value === null ? null : JSON.stringify(value);
  const rows = await db.query(sql.edit, [
    ...guardOf(job),
    stateCode(decision.to),
    eventCode(decision.event),
    cause,
    ...dueOf(decision.due),
    laneKey(after),
    after.queue,
    after.partitionKey,
    after.priority,
    after.maxAttempts,
    after.maxCrashes,
    after.timeoutMs,
    after.tags.length === 0 ? null : column(after.tags, quoted),
    json(after.backoff),
    json(after.metadata),
    payloadJson !== null,
    isLarge ? null : payloadJson,
    isLarge ? payloadJson : null,
  ]);
  return rows.length > 0;
}

/** `JobStore.remove`. */
export async function removeJob(db: Database, job: Job): Promise<boolean> {
  return (await db.query(sql.remove, removeParameters([job]))).length > 0;
}

/** `JobStore.requestCancel`. */
export async function requestCancel(
  db: Database,
  job: Job,
  reason: string | null = null,
): Promise<string | null> {
  const [asked] = await db.query(sql.requestCancel, cancelParameters([job], reason));
  return asked ? toRequestedAt(asked) : null;
}

/** `WorkStore.claimNamed`. */
export async function claimNamed(
  db: Database,
  job: Job,
  decision: Decision,
  { leaseId, worker, leaseMs }: NamedClaim,
): Promise<boolean> {
  const rows = await db.query(sql.claimOne, [
    ...guardOf(job),
    stateCode(decision.to),
    leaseId,
    worker,
    leaseMs,
    GRACE_MS,
  ]);
  return rows.length > 0;
}

/** `WorkStore.renewNamed`. */
export async function renewNamed(
  db: Database,
  { tenantId, id, version, leaseId }: Job,
  leaseMs: number,
): Promise<NamedRenewal | null> {
  const [row] = await db.query(sql.renewOne, [tenantId, id, version, leaseId, leaseMs]);
  if (!row) return null;
  const { until, asked } = shape<{ until: Date | null; asked: Date | null }>(row);
  return {
    leaseUntil: until?.toISOString() ?? null,
    cancelRequestedAt: asked?.toISOString() ?? null,
  };
}

/** `JobStore.requeue`. */
export async function requeueJob(
  db: Database,
  job: Job,
  decision: Decision,
  cause: string,
): Promise<Requeued> {
  const [row] = await db.query(sql.requeue, requeueParameters([job], [job.state], decision, cause));
  return {
    outcome: field<Requeued["outcome"]>(row, "outcome"),
    holder: field<string>(row, "holder"),
  };
}

function guardOf(job: Job) {
  return [job.tenantId, job.id, job.version, stateCode(job.state)];
}
