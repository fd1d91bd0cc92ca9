/** Turns as the parameters of actor_commit.sql. */
import * as sql from "../../sql/mod.ts";
import { stateCode } from "../core/codes.ts";
import type { JobInsert } from "../core/job.ts";
import { laneKey } from "../core/lane.ts";
import { INITIAL_STATE, targetOf } from "../core/lifecycle.ts";
import { GRACE_MS, limits } from "../core/limits.ts";
import type { Start, Turn } from "./actor_records.ts";
import type { Parameter } from "./database.ts";
import {
  column,
  jsonLines,
  quoted,
  quotedJson,
  quotedOrNull,
  repeated,
  sparseColumn,
} from "./literal.ts";

/** A part of a turn, and the number of its actor. */
interface Part<T> {
  readonly k: number;
  readonly of: T;
}

/** Where nobody is silenced: a part that no row comes to is begun and ended all the same. */
const plainCommit = sql.actorCommit.replace(/^silenced as \(.*\n(?: .*\n)*/m, "");

/** The statement that commits `turns`. */
export function commitText(turns: readonly Turn[]): string {
  const isSilenced = turns.some(({ forget }) => forget.includes(null));
  return isSilenced ? sql.actorCommit : plainCommit;
}

/** The parameters that commit `turns`, in this order. */
export function turnParameters(
  worker: string,
  turnId: string | null,
  turns: readonly Turn[],
  start: Start | null = null,
): Parameter[] {
  const jobs = partsOf(turns, (turn) => turn.jobs);
  return [
    turnId,
    start?.worker ?? worker,
    ...actorColumns(turns),
    ...stepColumns(partsOf(turns, (turn) => turn.steps)),
    ...keyed(partsOf(turns, (turn) => turn.read), (id) => id),
    ...keyed(partsOf(turns, (turn) => turn.forget), quotedOrNull),
    ...mailColumns(partsOf(turns, (turn) => turn.sent)),
    ...childColumns(partsOf(turns, (turn) => turn.children)),
    ...jobColumns(jobs),
    stateCode(INITIAL_STATE),
    ...activityColumns(partsOf(turns, (turn) => turn.activities)),
    ...leftColumns(partsOf(turns, (turn) => turn.left)),
    ...keyColumns(partsOf(turns, (turn) => turn.keys)),
    ...keyed(partsOf(turns, (turn) => turn.putOff), (id) => id),
    sparseColumn(turns, (turn) => quotedOrNull(turn.systemId)),
    column(jobs, ({ of }) => start?.jobs.has(of.id) ?? false),
    start?.leaseId ?? null,
    start?.leaseMs ?? null,
    GRACE_MS,
    stateCode(targetOf("CLAIM")),
    column(turns, beginsWhole),
    start?.gateChange ?? null,
    sparseColumn(jobs, repeated(({ of }) => of.partitionKey, quotedOrNull)),
  ];
}

/** Whether its first step leans on nothing that stands before it. */
function beginsWhole({ steps }: Turn): boolean {
  const [first] = steps;
  return !first || first.snapshot !== null || first.patch === null;
}

function partsOf<T>(turns: readonly Turn[], pick: (turn: Turn) => readonly T[]): Part<T>[] {
  return turns.flatMap((turn, index) => pick(turn).map((of) => ({ k: index + 1, of })));
}

/** Null is no value: a column of json holds SQL's null then. */
export function jsonText(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

function json(value: unknown): string | null {
  const text = jsonText(value);
  return text === null ? null : quotedJson(text);
}

export function texts(values: readonly string[]): string {
  return quoted(column(values, quoted));
}

function actorColumns(turns: readonly Turn[]): Parameter[] {
  return [
    column(turns, repeated((turn) => turn.tenantId, quoted)),
    column(turns, (turn) => quoted(turn.id)),
    column(turns, (turn) => turn.expected),
    column(turns, (turn) => turn.version),
    column(turns, (turn) => turn.status),
    column(turns, (turn) => quoted(turn.state)),
    column(turns, (turn) => texts(turn.tags)),
    sparseColumn(turns, (turn) => json(turn.fault)),
    jsonLines(turns, (turn) => jsonText(turn.snapshot)),
    column(turns, (turn) => quoted(turn.machineVersion)),
    column(turns, (turn) => quoted(turn.machineHash)),
    column(turns, (turn) => turn.offers),
    sparseColumn(turns, ({ birth }) => birth && birth.uid),
    sparseColumn(turns, (turn) => quotedOrNull(turn.machine)),
    sparseColumn(turns, ({ birth }) => birth && quoted(birth.rootMachine)),
    sparseColumn(turns, ({ birth }) => birth && json(birth.input)),
    sparseColumn(turns, ({ birth }) => birth && json(birth.origin)),
  ];
}

function stepColumns(parts: readonly Part<Turn["steps"][number]>[]): Parameter[] {
  return [
    column(parts, ({ k }) => k),
    column(parts, ({ of }) => of.version),
    column(parts, ({ of }) => quoted(of.event)),
    sparseColumn(parts, ({ of }) => quotedOrNull(of.from)),
    column(parts, ({ of }) => quoted(of.to)),
    column(parts, ({ of }) => of.status),
    column(parts, ({ of }) => texts(of.tags)),
    column(parts, ({ of }) => of.outcome),
    sparseColumn(parts, ({ of }) => quotedOrNull(of.reason)),
    sparseColumn(parts, ({ of }) => quotedOrNull(of.cause)),
    sparseColumn(parts, ({ of }) => of.mailId),
    jsonLines(parts, ({ of }) => jsonText(of.body)),
    jsonLines(parts, ({ of }) => jsonText(of.effects)),
    jsonLines(parts, ({ of }) => jsonText(of.patch)),
    jsonLines(parts, ({ of }) => jsonText(of.snapshot)),
  ];
}

function keyed<T extends string | null>(
  parts: readonly Part<T>[],
  element: (text: T) => string | null,
): Parameter[] {
  return [column(parts, ({ k }) => k), column(parts, ({ of }) => element(of))];
}

function mailColumns(parts: readonly Part<Turn["sent"][number]>[]): Parameter[] {
  return [
    column(parts, ({ k }) => k),
    column(parts, ({ of }) => quoted(of.to)),
    column(parts, ({ of }) => of.id),
    column(parts, ({ of }) => of.delayMs),
    column(parts, ({ of }) => of.kind),
    sparseColumn(parts, ({ of }) => of.gen),
    sparseColumn(parts, ({ of }) => quotedOrNull(of.timerId)),
    column(parts, ({ of }) => quotedJson(JSON.stringify(of.body))),
    column(parts, ({ of }) => of.deferred),
  ];
}

function childColumns(parts: readonly Part<Turn["children"][number]>[]): Parameter[] {
  return [
    column(parts, ({ k }) => k),
    column(parts, ({ of }) => quoted(of.id)),
    column(parts, ({ of }) => of.uid),
    sparseColumn(parts, ({ of }) => quotedOrNull(of.systemId)),
    column(parts, ({ of }) => quoted(of.machine)),
  ];
}

function jobColumns(parts: readonly Part<JobInsert>[]): Parameter[] {
  const isLarge = (job: JobInsert) => job.payloadJson.length > limits.inlineBytesMax;
  return [
    column(parts, ({ k }) => k),
    column(parts, ({ of }) => of.id),
    column(parts, ({ of }) => laneKey(of)),
    column(parts, ({ of }) => quoted(of.queue)),
    column(parts, ({ of }) => quoted(of.type)),
    column(parts, ({ of }) => of.maxAttempts),
    column(parts, ({ of }) => of.maxCrashes),
    column(parts, ({ of }) => of.timeoutMs),
    jsonLines(parts, ({ of }) => isLarge(of) ? null : of.payloadJson),
    jsonLines(parts, ({ of }) => isLarge(of) ? of.payloadJson : null),
    sparseColumn(parts, ({ of }) => of.backoff && quotedJson(JSON.stringify(of.backoff))),
    sparseColumn(parts, ({ of }) => of.metadataJson === null ? null : quotedJson(of.metadataJson)),
  ];
}

function activityColumns(parts: readonly Part<Turn["activities"][number]>[]): Parameter[] {
  return [
    column(parts, ({ k }) => k),
    column(parts, ({ of }) => of.jobId),
    column(parts, ({ of }) => quoted(of.childId)),
    column(parts, ({ of }) => of.gen),
    column(parts, ({ of }) => quoted(of.src)),
    column(parts, ({ of }) => of.parks),
  ];
}

function leftColumns(parts: readonly Part<Turn["left"][number]>[]): Parameter[] {
  return [
    column(parts, ({ k }) => k),
    column(parts, ({ of }) => quoted(of.childId)),
    column(parts, ({ of }) => of.gen),
  ];
}

function keyColumns(parts: readonly Part<Turn["keys"][number]>[]): Parameter[] {
  return [
    column(parts, ({ k }) => k),
    column(parts, ({ of }) => quoted(of.key)),
    column(parts, ({ of }) => of.mailId === null ? "null" : of.mailId),
  ];
}
