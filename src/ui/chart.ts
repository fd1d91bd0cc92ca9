/**
 * A machine as a chart: plain JSON, no layout, no DOM. What is drawn, hashed, exported and compared.
 *
 * Ids are stable for one machine: a state is its path, a transition `state|event|n`, n counting the
 * candidates of one event in the order in which they are tried.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";
import { afterOf } from "../core/actor/after.ts";
import { hashOf } from "../core/key.ts";

/** What sets a transition off. */
export type TransitionKind = "event" | "after" | "always" | "done" | "error";

/** One candidate of one event in one state. */
export interface ChartTransition {
  readonly id: string;
  readonly source: string;
  /** Empty: it stays where it is. */
  readonly targets: readonly string[];
  readonly event: string;
  readonly kind: TransitionKind;
  /** The event as people read it: `after 5 s`, `charge done`. */
  readonly label: string;
  readonly guard: string | null;
  readonly actions: readonly string[];
  readonly reenter: boolean;
}

/** One state. */
export interface ChartState {
  /** Keys from the root, joined by dots: unique, whatever ids the author gave. */
  readonly id: string;
  readonly key: string;
  readonly parent: string | null;
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  readonly isInitial: boolean;
  readonly tags: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly string[];
  readonly description: string | null;
}

/** A whole machine. States in document order, parents first. */
export interface Chart {
  readonly name: string;
  readonly states: readonly ChartState[];
  readonly transitions: readonly ChartTransition[];
}

/** Extracts the chart of a machine. */
export function chartOf(machine: AnyStateMachine): Chart {
  const states: ChartState[] = [];
  const transitions: ChartTransition[] = [];
  const visit = (node: AnyStateNode) => {
    states.push(stateOf(node));
    transitions.push(...transitionsOf(node));
    const children = Object.values(node.states).sort((a, b) => a.order - b.order);
    for (const child of children) visit(child);
  };
  visit(machine.root);
  return { name: machine.id, states, transitions };
}

/** A hash of what is drawn: the same chart, the same picture. */
export async function chartHash(chart: Chart): Promise<string> {
  return (await hashOf(JSON.stringify(chart))).slice(0, 16);
}

/** Id of a state: its path, or the machine's name for the root. */
function idOf(node: AnyStateNode): string {
  return node.path.length === 0 ? node.machine.id : node.path.join(".");
}

function stateOf(node: AnyStateNode): ChartState {
  const { parent } = node;
  const first = parent?.type === "compound" ? parent.initial.target[0] : undefined;
  return {
    id: idOf(node),
    key: node.key,
    parent: parent ? idOf(parent) : null,
    type: node.type,
    isInitial: first === node,
    tags: [...node.tags],
    // The author's own: XState adds its timers to `node.entry`.
    entry: listOf(node.config.entry).map(nameOf),
    exit: listOf(node.config.exit).map(nameOf),
    invokes: node.invoke.map(({ src }) => nameOf(src)),
    description: node.description ?? null,
  };
}

function transitionsOf(node: AnyStateNode): ChartTransition[] {
  const groups = [...node.transitions.values(), node.always ?? []];
  return groups.flatMap((candidates) =>
    candidates.map((transition, index) => transitionOf(node, transition, index))
  );
}

function transitionOf(
  node: AnyStateNode,
  transition: AnyTransitionDefinition,
  index: number,
): ChartTransition {
  const event = transition.eventType;
  return {
    id: `${idOf(node)}|${event}|${index}`,
    source: idOf(node),
    targets: (transition.target ?? []).map(idOf),
    event,
    ...described(event),
    guard: transition.guard ? guardName(transition.guard) : null,
    actions: transition.actions.map(nameOf),
    reenter: transition.reenter,
  };
}

function described(event: string): Pick<ChartTransition, "kind" | "label"> {
  if (event === "") return { kind: "always", label: "always" };
  const after = afterOf(event);
  if (after) return { kind: "after", label: after.words };
  const [, done] = /^xstate\.done\.actor\.(.+)$/.exec(event) ?? [];
  if (done !== undefined) return { kind: "done", label: `${shortActor(done)} done` };
  const [, failed] = /^xstate\.error\.actor\.(.+)$/.exec(event) ?? [];
  if (failed !== undefined) return { kind: "error", label: `${shortActor(failed)} fails` };
  if (event.startsWith("xstate.done.state.")) return { kind: "done", label: "done" };
  return { kind: "event", label: event };
}

/** Ids that XState makes up (`0.machine.state`) say no more than their number. */
function shortActor(id: string): string {
  return /^\d+\./.test(id) ? `invoke ${id.split(".")[0]}` : id;
}

/** Actions, actors and guards are names, objects with a type, or functions. */
function nameOf(thing: unknown): string {
  if (typeof thing === "string") return thing;
  if (typeof thing === "function") {
    const type: unknown = Reflect.get(thing, "type");
    return (typeof type === "string" ? type : thing.name).replace(/^xstate\./, "") || "inline";
  }
  if (typeof thing !== "object" || thing === null) return "inline";
  const type: unknown = Reflect.get(thing, "type");
  return typeof type === "string" ? type.replace(/^xstate\./, "") : "inline";
}

/** Combined guards are read as they were written: `a ∧ ¬b`. */
function guardName(guard: unknown): string {
  const parts: unknown = typeof guard === "function" ? Reflect.get(guard, "guards") : undefined;
  if (!Array.isArray(parts)) return nameOf(guard);
  const check: unknown = typeof guard === "function" ? Reflect.get(guard, "check") : undefined;
  const kind = typeof check === "function" ? check.name : "";
  const names = parts.map(guardName);
  if (/not/i.test(kind)) return `¬${names[0]}`;
  return names.join(/or/i.test(kind) ? " ∨ " : " ∧ ");
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}
