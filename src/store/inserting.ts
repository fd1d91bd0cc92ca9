/** Jobs as the parameters of insert_one.sql, insert_plain.sql and insert.sql. */
import { eventCode, stateCode } from "../core/codes.ts";
import { hash64 } from "../core/hash.ts";
import type { JobInsert } from "../core/job.ts";
import { canonical } from "../core/json.ts";
import { laneKey } from "../core/lane.ts";
import { INITIAL_STATE, targetOf } from "../core/lifecycle.ts";
import { GRACE_MS, KEY_TTL_MS, limits } from "../core/limits.ts";
import * as sql from "../../sql/mod.ts";
import type { Parameter, Statement } from "./database.ts";
import {
  column,
  jsonLines,
  quoted,
  quotedJson,
  quotedOrNull,
  repeated,
  sparseColumn,
} from "./literal.ts";
import type { NamedClaim } from "./records.ts";
import { sharedParts } from "./sharing.ts";

/**
 * The statement that stores `jobs`; the plain one, which costs half, when it will do for all.
 *
 * @param tenants Whose requests they are of, an array literal.
 */
export function insertStatement(
  jobs: readonly JobInsert[],
  fromInbox: boolean,
  tenants: string | null = null,
): Statement {
  const [only] = jobs;
  if (!fromInbox && only && jobs.length === 1 && isPlain(only)) {
    const parameters = [stateCode(INITIAL_STATE), ...plainValues(only), tenants];
    return { text: sql.insertOne, parameters };
  }
  if (!fromInbox && jobs.every(isPlain)) {
    const parameters = [stateCode(INITIAL_STATE), ...plainColumns(jobs), tenants];
    return { text: sql.insertPlain, parameters };
  }
  const parameters = parametersOf(jobs, fromInbox);
  if (!jobs.some(hasGate)) return { text: sql.insert, parameters };
  return { text: sql.insertLimited, parameters: [...parameters, ...gateColumns(jobs)] };
}

/** Has a key that it is ordered or limited by. */
function hasGate(job: JobInsert): boolean {
  return job.orderingKey !== null || job.limitKey !== null;
}

function gateColumns(jobs: readonly JobInsert[]) {
  return [
    sparseColumn(jobs, (job) => quotedOrNull(job.orderingKey)),
    sparseColumn(jobs, (job) => job.orderingKey === null ? null : job.onDead === "skip"),
    sparseColumn(jobs, (job) => quotedOrNull(job.limitKey)),
  ];
}

/** The statement that stores plain jobs as claimed already. */
export function startStatement(jobs: readonly JobInsert[], lease: NamedClaim): Statement {
  const { leaseId, worker, leaseMs, gateChange = null } = lease;
  const state = stateCode(targetOf("CLAIM"));
  const shared = [leaseId, worker, leaseMs, GRACE_MS, gateChange];
  const [only] = jobs;
  if (only && jobs.length === 1) {
    return { text: sql.startOne, parameters: [state, ...plainValues(only), ...shared] };
  }
  return { text: sql.insertStarted, parameters: [state, ...plainColumns(jobs), ...shared] };
}

/** The values of insert_one.sql, from the id on. */
function plainValues(job: JobInsert): Parameter[] {
  return [
    ...[job.id, job.payloadJson, job.tenantId, laneKey(job), job.queue, job.type, job.partitionKey],
    ...[job.priority, job.maxAttempts, job.maxCrashes, job.timeoutMs],
  ];
}

/** What a later request with the same key is compared by; the order of object keys is no matter. */
export function payloadHash(job: Pick<JobInsert, "type" | "payloadJson" | "payloadHash">): string {
  return job.payloadHash ?? hash64(`${job.type}\n${canonical(JSON.parse(job.payloadJson))}`);
}

/** Due at once, and nothing to it that most jobs do not have. */
export function isPlain(job: JobInsert): boolean {
  return job.idempotencyKey === null && (job.delayMs ?? 0) === 0 && job.runAt === null &&
    job.tags === null && job.backoff === null && job.metadataJson === null &&
    job.clonedFrom === null && !hasGate(job) && !isLarge(job);
}

function isLarge(job: JobInsert): boolean {
  return job.payloadJson.length > limits.inlineBytesMax;
}

/** The columns of insert_plain.sql, from the id on. */
export function plainColumns(jobs: readonly JobInsert[]) {
  const { firsts, counts, numbers } = sharedParts(jobs, isAlike, (job) =>
    JSON.stringify([
      ...[job.tenantId, job.queue, job.type, job.partitionKey],
      ...[job.priority, job.maxAttempts, job.maxCrashes, job.timeoutMs],
    ]));
  return [
    column(jobs, (job) => job.id),
    column(numbers, (number) => number),
    jsonLines(jobs, (job) => job.payloadJson),
    column(firsts, (job) => quoted(job.tenantId)),
    column(firsts, laneKey),
    column(firsts, (job) => quoted(job.queue)),
    column(firsts, (job) => quoted(job.type)),
    column(firsts, (job) => quotedOrNull(job.partitionKey)),
    column(firsts, (job) => job.priority),
    column(firsts, (job) => job.maxAttempts),
    column(firsts, (job) => job.maxCrashes),
    column(firsts, (job) => job.timeoutMs),
    column(counts, (count) => count),
  ];
}

function isAlike(a: JobInsert, b: JobInsert): boolean {
  return a.tenantId === b.tenantId && a.queue === b.queue && a.type === b.type &&
    a.partitionKey === b.partitionKey && a.priority === b.priority &&
    a.maxAttempts === b.maxAttempts && a.maxCrashes === b.maxCrashes && a.timeoutMs === b.timeoutMs;
}

function parametersOf(jobs: readonly JobInsert[], fromInbox: boolean) {
  return [
    stateCode(INITIAL_STATE),
    stateCode(targetOf("SCHEDULE")),
    eventCode("SCHEDULE"),
    KEY_TTL_MS,
    ...jobColumns(jobs),
    fromInbox,
  ];
}

/** The columns of insert.sql, from the tenant to the hash of the payload. */
export function jobColumns(jobs: readonly JobInsert[]): string[] {
  const json = (value: object | null) => value === null ? null : quotedJson(JSON.stringify(value));
  const keyed = (job: JobInsert) => job.idempotencyKey === null ? null : payloadHash(job);
  return [
    column(jobs, repeated((job) => job.tenantId, quoted)),
    column(jobs, (job) => job.id),
    column(jobs, laneKey),
    column(jobs, repeated((job) => job.queue, quoted)),
    column(jobs, repeated((job) => job.type, quoted)),
    column(jobs, (job) => job.priority),
    column(jobs, (job) => job.maxAttempts),
    column(jobs, (job) => job.maxCrashes),
    column(jobs, (job) => job.timeoutMs),
    sparseColumn(jobs, (job) => job.delayMs),
    sparseColumn(jobs, (job) => quotedOrNull(job.runAt)),
    sparseColumn(jobs, (job) => isLarge(job) ? null : quotedJson(job.payloadJson)),
    sparseColumn(jobs, (job) => isLarge(job) ? quotedJson(job.payloadJson) : null),
    sparseColumn(jobs, (job) => quotedOrNull(job.partitionKey)),
    sparseColumn(jobs, (job) => json(job.backoff)),
    sparseColumn(jobs, (job) => job.metadataJson === null ? null : quotedJson(job.metadataJson)),
    sparseColumn(jobs, (job) => job.tags === null ? null : quoted(column(job.tags, quoted))),
    sparseColumn(jobs, (job) => job.clonedFrom),
    sparseColumn(jobs, (job) => quotedOrNull(job.idempotencyKey)),
    sparseColumn(jobs, keyed),
  ];
}
