/** The actor logic that a machine names: what each source is, and whether it can be durable. */
import type { AnyActorLogic, AnyStateMachine } from "xstate";
import type { ChildKind } from "./effects.ts";
import { isRecord } from "./envelope.ts";
import { nodesBelow } from "./nodes.ts";

/** What a source can be. The last three have no durable form. */
export type LogicKind = ChildKind | "callback" | "observable" | "foreign";

/** One source. */
export interface Source {
  readonly kind: LogicKind;
  readonly logic: AnyActorLogic;
  /** `setup` or `provide` does not know it: it stands in an invoke itself. */
  readonly inline: boolean;
}

const known = new WeakMap<AnyStateMachine, ReadonlyMap<string, Source>>();

/** The sources of a machine by name. An inline one has the name that XState gives it. */
export function sourcesOf(machine: AnyStateMachine): ReadonlyMap<string, Source> {
  let sources = known.get(machine);
  if (!sources) known.set(machine, sources = new Map(listSources(machine)));
  return sources;
}

function* listSources(machine: AnyStateMachine): Generator<[string, Source]> {
  for (const [name, logic] of Object.entries(machine.implementations.actors ?? {})) {
    if (isLogic(logic)) yield [name, { kind: kindOf(logic), logic, inline: false }];
  }
  for (const node of nodesBelow(machine.root)) {
    const { invoke } = node.config;
    const list: unknown[] = Array.isArray(invoke) ? invoke : [invoke];
    for (const [i, each] of list.entries()) {
      const logic = isRecord(each) ? each.src : undefined;
      const name = `xstate.invoke.${i}.${node.id}`;
      if (isLogic(logic)) yield [name, { kind: kindOf(logic), logic, inline: true }];
    }
  }
}

/** Whether a value is actor logic. */
export function isLogic(value: unknown): value is AnyActorLogic {
  return typeof value === "object" && value !== null && "transition" in value &&
    "getInitialSnapshot" in value;
}

/** Whether a value is a state machine, of whichever copy of XState. */
export function isMachine(value: unknown): value is AnyStateMachine {
  return typeof value === "object" && value !== null && "root" in value && "config" in value &&
    "implementations" in value && "getStateNodeById" in value;
}

/**
 * What kind of logic this is. XState does not say; what has to be started is told apart by how it
 * answers to its own events, which runs no code of the author's.
 */
export function kindOf(logic: AnyActorLogic): LogicKind {
  if (isMachine(logic)) return "machine";
  if (typeof logic.start !== "function") return "transition";
  const promised = probe(logic, { type: "xstate.promise.resolve", data: PROBE });
  if (promised.output === PROBE) return "activity";
  if (probe(logic, { type: "xstate.observable.complete" }).status === "done") return "observable";
  return "config" in logic ? "callback" : "foreign";
}

const PROBE = {};

function probe(
  logic: AnyActorLogic,
  event: { type: string; data?: object },
): Record<string, unknown> {
  try {
    const active = { status: "active", output: undefined, error: undefined };
    const answer: unknown = logic.transition(active, event, NOWHERE);
    return isRecord(answer) ? answer : {};
  } catch {
    return {};
  }
}

/** No logic of XState's reads the scope on these events. */
const NOWHERE: Parameters<AnyActorLogic["transition"]>[2] = Object.create(null);
