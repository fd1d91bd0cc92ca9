/** Decisions of the machine as the parameters of finish.sql and commit.sql. */
import { eventCode, stateCode } from "../core/codes.ts";
import { storedError } from "../core/fingerprint.ts";
import { type Decision, isTerminal } from "../core/lifecycle.ts";
import { limits } from "../core/limits.ts";
import * as sql from "../../sql/mod.ts";
import type { JobState, When } from "../../machines/job.ts";
import type { Parameter, Statement } from "./database.ts";
import { column, quoted, quotedJson, quotedOrNull, repeated, sparseColumn } from "./literal.ts";
import { sharedParts } from "./sharing.ts";
import type { Change } from "./store.ts";

/** Where a job lives in a state: the codes of commit.sql. */
function homeOf(state: JobState): 0 | 1 | 2 {
  if (!isTerminal(state)) return 0;
  return state === "dead_letter" ? 2 : 1;
}

/** Text that names a change among others. */
export function changeKey(tenantId: string, id: string): string {
  return `${id} ${tenantId}`;
}

/** In key order and without repeats: one order of locks for every batch. */
export function orderedChanges(changes: readonly Change[]): readonly Change[] {
  // Jobs mostly end in the order in which they were claimed.
  if (isInOrder(changes)) return changes;
  const ordered = [...changes].sort(inKeyOrder);
  return ordered.filter((change, at) => {
    const next = ordered[at + 1];
    return next === undefined || inKeyOrder(change, next) !== 0;
  });
}

function isInOrder(changes: readonly Change[]): boolean {
  let before = "";
  for (const { id } of changes) {
    if (!(before < id)) return false;
    before = id;
  }
  return true;
}

function inKeyOrder(a: Change, b: Change): number {
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return a.tenantId < b.tenantId ? -1 : a.tenantId > b.tenantId ? 1 : 0;
}

/** How to commit. */
export interface CommitOptions {
  readonly worker: string | null;
  /** Only under leases that are over: the sweeper's re-check. */
  readonly expiredOnly: boolean;
}

/** Nearly all jobs end this way, and have a statement of their own. */
function isSuccess({ decision }: Change): boolean {
  return decision.event === "SUCCEED";
}

/** Which statement commits a change: a batch is of one kind. */
export function kindOf(change: Change): "success" | "limited_success" | "other" {
  if (!isSuccess(change)) return "other";
  return change.holdsSlots ? "limited_success" : "success";
}

/** finish.sql for rows that may have moved since their claim. */
const finishByKey = sql.finish.replace(/j\.ctid = x\.tid\s+and/, "");

/**
 * The statement that commits `changes` of one kind.
 *
 * @param hasMoved Rows may have moved since their claim: they are looked for by their keys.
 */
export function commitStatement(
  options: CommitOptions,
  changes: readonly Change[],
  hasMoved = !areInPlace(changes),
): Statement {
  const [first] = changes;
  if (!first || !isSuccess(first)) {
    return { text: sql.commit, parameters: commitParameters(options, changes) };
  }
  const parameters = finishParameters(first.decision, changes);
  if (first.holdsSlots) return { text: sql.finishLimited, parameters };
  if (hasMoved) return { text: finishByKey, parameters: [...parameters, "{}"] };
  return { text: sql.finish, parameters: [...parameters, column(changes, (c) => `"${c.ctid}"`)] };
}

/** Whether a statement looks for their rows where they were after their claims. */
export function areInPlace(changes: readonly Change[]): boolean {
  return changes.every((change) => kindOf(change) === "success" && change.ctid !== undefined);
}

function finishParameters(decision: Decision, changes: readonly Change[]): Parameter[] {
  const { firsts, numbers } = sharedParts(
    changes,
    (a, b) => a.leaseId === b.leaseId && a.tenantId === b.tenantId,
    (change) => `${change.leaseId} ${change.tenantId}`,
  );
  const isLarge = (change: Change) => (change.output?.length ?? 0) > limits.inlineBytesMax;
  return [
    column(firsts, (c) => c.leaseId),
    stateCode(decision.from),
    stateCode(decision.to),
    column(firsts, (c) => quoted(c.tenantId)),
    column(changes, (c) => c.id),
    column(changes, (c) => c.version),
    column(numbers, (number) => number),
    sparseColumn(changes, (c) => isLarge(c) ? null : outputOf(c)),
    sparseColumn(changes, (c) => isLarge(c) ? outputOf(c) : null),
  ];
}

/** No output is read as `null`: so that is not written. */
function outputOf({ output }: Change): string | null {
  return output === null || output === "null" ? null : quotedJson(output);
}

function commitParameters(options: CommitOptions, changes: readonly Change[]): Parameter[] {
  const leases = numberLeases(changes);
  return [
    column([...leases.keys()], (id) => id),
    options.worker,
    options.expiredOnly,
    column(changes, repeated((c) => c.tenantId, quoted)),
    column(changes, (c) => c.id),
    column(changes, (c) => c.version),
    sparseColumn(changes, (c) => c.leaseId === null ? null : leases.get(c.leaseId) ?? null),
    column(changes, (c) => stateCode(c.decision.from)),
    column(changes, (c) => stateCode(c.decision.to)),
    column(changes, (c) => eventCode(c.decision.event)),
    column(changes, (c) => homeOf(c.decision.to)),
    column(changes, (c) => c.decision.context.attempt),
    column(changes, (c) => c.decision.context.crashes),
    sparseColumn(changes, (c) => dueOf(c.decision.due)[0]),
    sparseColumn(changes, (c) => quotedOrNull(dueOf(c.decision.due)[1])),
    sparseColumn(changes, (c) => c.cancelKnown),
    sparseColumn(changes, (c) => c.error === null ? null : quotedJson(storedError(c.error))),
    sparseColumn(changes, (c) => quotedOrNull(c.cause)),
    column(changes, (c) => c.attempt),
    sparseColumn(changes, (c) => c.leaseId !== null && c.decision.to === "cancelled" || null),
    eventCode("CLAIM"),
  ];
}

/** Leases as numbers from 1: a batch has few, and their ids are long. */
function numberLeases(changes: readonly Change[]): Map<string, number> {
  const leases = new Map<string, number>();
  for (const { leaseId } of changes) {
    if (leaseId !== null && !leases.has(leaseId)) leases.set(leaseId, leases.size + 1);
  }
  return leases;
}

/** A due time as the two parameters of SQL: milliseconds from now, or an instant. */
export function dueOf(due: When | null): readonly [number | null, string | null] {
  if (due === null) return [null, null];
  return "delayMs" in due ? [Math.round(due.delayMs), null] : [null, due.runAt];
}
