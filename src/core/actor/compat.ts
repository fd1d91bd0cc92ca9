/**
 * Whether a changed chart can take over a snapshot of an earlier one.
 *
 * XState restores whatever it is given: it leaves out history and children it does not know, and fills
 * in regions without entering them. So all of it is compared first, snapshot by snapshot: a change
 * that strands nobody who is there is no reason to stop a deploy.
 */
import type { AnyStateNode } from "xstate";
import { decode } from "./codec.ts";
import { type Definition, issuesBelow, type Steppable, subjectOf } from "./definition.ts";
import { type ActorSnapshot, type ChildEntry, readSnapshot } from "./envelope.ts";
import { ActorBlockedError, restoring } from "./errors.ts";
import * as nodes from "./nodes.ts";
import { storedRef } from "./refs.ts";
import { sourcesOf } from "./sources.ts";
import { type Chart, chartOf, XSTATE } from "./xstate5/chart.ts";

/** One reason why not. `path` is dotted, in the snapshot. */
export interface Incompatibility {
  readonly code:
    | "another_machine"
    | "unknown_state"
    | "illegal_configuration"
    | "type_changed"
    | "unknown_source"
    | "child_unawaited"
    | "timer_unhandled"
    | "child_missing"
    | "timer_missing"
    | "context_invalid";
  readonly path: string;
  readonly message: string;
}

/**
 * Everything that keeps this machine from taking the snapshot over; empty if it can. What has ended
 * is taken over by anybody.
 *
 * @throws {ActorBlockedError} If it is no snapshot that this program can read.
 */
export function compatibilityOf(machine: Steppable, snapshot: unknown): Incompatibility[] {
  const subject = subjectOf(machine);
  const stored = readSnapshot(snapshot, XSTATE);
  if (subject.kind !== "machine" || stored.status !== "active") return [];
  return [...compare(subject, stored)];
}

/**
 * The snapshot as one of this machine's: stamped with its version and hash, otherwise as it was.
 * Nothing is entered or exited; the next event may find eventless transitions to take.
 *
 * @throws {ActorBlockedError} With the first of `compatibilityOf`.
 */
export function adopt(machine: Steppable, snapshot: unknown): ActorSnapshot {
  const [first, ...others] = compatibilityOf(machine, snapshot);
  if (first) {
    const more = others.length > 0 ? ` (and ${others.length} more)` : "";
    const code = first.code === "unknown_state" || first.code === "unknown_source" ||
        first.code === "illegal_configuration"
      ? first.code
      : "machine_mismatch";
    throw new ActorBlockedError(code, first.path, `${first.message}${more}`);
  }
  const stored = readSnapshot(snapshot, XSTATE);
  return { ...stored, xstate: XSTATE, machine: subjectOf(machine).identity };
}

function* compare(definition: Definition, stored: ActorSnapshot): Generator<Incompatibility> {
  const chart = chartOf(definition.machine);
  const { name } = definition.identity;
  if (stored.machine.name !== name) {
    const message = `A snapshot of "${stored.machine.name}", not of "${name}"`;
    yield { code: "another_machine", path: "machine.name", message };
    return;
  }
  const found = findOr(() => nodes.nodesOfValue(chart.machine.root, stored.value));
  yield* found.issues;
  const active = found.value;
  if (active) yield* typeIssues(active, stored);
  yield* historyIssues(chart, stored);
  for (const [id, child] of Object.entries(stored.children ?? {})) {
    yield* childIssues(definition, active, id, child);
  }
  if (active) {
    yield* timerIssues(active, stored);
    // Of the same structure, nothing can have been added: what is not there has been.
    if (stored.machine.hash !== definition.identity.hash) yield* missing(active, stored);
  }
  yield* contextIssues(definition, stored);
}

/** The value, or what the chart has against it. */
function findOr<T>(find: () => T): { value?: T; issues: Incompatibility[] } {
  try {
    return { value: find(), issues: [] };
  } catch (error) {
    if (!(error instanceof ActorBlockedError)) throw error;
    const { path, reason: message } = error;
    const code = error.code === "unknown_state" ? error.code : "illegal_configuration";
    return { issues: [{ code, path, message }] };
  }
}

/** What the value does not show: a final state is a leaf like any other. */
function* typeIssues(
  active: readonly AnyStateNode[],
  { types = {} }: ActorSnapshot,
): Generator<Incompatibility> {
  const now = nodes.hiddenTypes(active) ?? {};
  for (const { id, type } of active) {
    if (types[id] === now[id]) continue;
    const before = types[id] ?? (type === "final" ? "atomic" : "compound");
    yield {
      code: "type_changed",
      path: `types.${id}`,
      message: `"${id}" was ${before}, is ${type}`,
    };
  }
}

function* historyIssues(chart: Chart, { history = {} }: ActorSnapshot): Generator<Incompatibility> {
  for (const [id, ids] of Object.entries(history)) {
    const node = chart.nodes.get(id);
    if (node?.type !== "history") {
      const message = `There is no history state "${id}"`;
      yield { code: "unknown_state", path: `history.${id}`, message };
      continue;
    }
    for (const [i, each] of ids.entries()) {
      const recalled = chart.nodes.get(each);
      const path = `history.${id}.${i}`;
      if (!recalled) {
        yield { code: "unknown_state", path, message: `There is no state "${each}"` };
      } else if (!mayRecall(node, recalled)) {
        const message = `"${id}" cannot recall "${each}" any more`;
        yield { code: "type_changed", path, message };
      }
    }
  }
}

/** Deep history recalls leaves below its parent, shallow history what is right below. */
function mayRecall(history: AnyStateNode, recalled: AnyStateNode): boolean {
  if (history.history !== "deep") return recalled.parent === history.parent;
  const isLeaf = recalled.type === "atomic" || recalled.type === "final";
  return isLeaf && nodes.lineOf(recalled).some((node) => node === history.parent);
}

function* childIssues(
  { machine }: Definition,
  active: readonly AnyStateNode[] | undefined,
  id: string,
  { src, state, ended }: ChildEntry,
): Generator<Incompatibility> {
  if (ended) return;
  if (!sourcesOf(machine).has(src)) {
    const message = `There is no source "${src}"`;
    yield { code: "unknown_source", path: `children.${id}.src`, message };
  }
  if (state === undefined || !active) return;
  const invoker = active.find((node) => node.id === state);
  if (invoker?.invoke.some((each) => each.id === id && String(each.src) === src)) return;
  const message = `"${state}" does not invoke "${src}" as "${id}" any more: nobody would stop it`;
  yield { code: "child_unawaited", path: `children.${id}.state`, message };
}

function* timerIssues(
  active: readonly AnyStateNode[],
  { timers = {} }: ActorSnapshot,
): Generator<Incompatibility> {
  for (const [timerId, { event }] of Object.entries(timers)) {
    const isHandled = active.some((node) =>
      nodes.candidatesOf(node, nodes.wildcardsOf(node), event.type).length > 0
    );
    const message = `No active state handles "${event.type}"`;
    if (!isHandled) yield { code: "timer_unhandled", path: `timers.${timerId}`, message };
  }
}

/**
 * What an occupied state would have begun on entry, had the chart been this one then. It might also be
 * over: a chart does not tell a timer that has fired from one that was never set.
 */
function* missing(
  active: readonly AnyStateNode[],
  { children = {}, timers = {} }: ActorSnapshot,
): Generator<Incompatibility> {
  for (const { id: state, invoke, after } of active) {
    for (const { id, src } of invoke) {
      if (children[id]?.state === state) continue;
      const message =
        `"${state}" invokes "${String(src)}" as "${id}", and nobody has started it: ` +
        "give a migration, with an `event` that enters the state again or leaves it";
      yield { code: "child_missing", path: `children.${id}`, message };
    }
    for (const { eventType } of after) {
      if (Object.hasOwn(timers, eventType)) continue;
      const message = `"${state}" waits for "${eventType}", and no timer is set: ` +
        "give a migration that sets it in `timers`, or leaves it out if it has fired";
      yield { code: "timer_missing", path: `timers.${eventType}`, message };
    }
  }
}

/** Whether any state of the chart could take an event of this type: what is put off waits for one. */
export function isHandledAnywhere(machine: Steppable, type: string): boolean {
  const subject = subjectOf(machine);
  if (subject.kind !== "machine") return true;
  return [...chartOf(subject.machine).nodes.values()].some((node) =>
    nodes.candidatesOf(node, nodes.wildcardsOf(node), type).length > 0
  );
}

/** Of a snapshot that a migration has made: what it has not begun, its author does without. */
export function isOwnChoice({ code }: Incompatibility): boolean {
  return code === "child_missing" || code === "timer_missing";
}

function* contextIssues(
  { schemas }: Definition,
  { context }: ActorSnapshot,
): Generator<Incompatibility> {
  const result = schemas.context?.safeParse(
    restoring(() => decode(context, "context", storedRef)),
  );
  if (!result || result.success) return;
  for (const issue of issuesBelow(result.error, "context")) {
    yield { code: "context_invalid", ...issue };
  }
}
