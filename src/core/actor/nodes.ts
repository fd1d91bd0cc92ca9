/** Reading a chart and its configurations: what XState's documented state nodes tell. */
import type { AnyStateNode, AnyTransitionDefinition } from "xstate";
import type { Taken } from "./engine.ts";
import { isRecord, type StateValueJson } from "./envelope.ts";
import { ActorBlockedError } from "./errors.ts";

/** A state and all below it, in document order. */
export function nodesBelow(node: AnyStateNode): AnyStateNode[] {
  return [node, ...childrenOf(node).flatMap(nodesBelow)];
}

/** The states right below, history states too. */
export function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states);
}

/** The states right below that can be active. */
export function statesOf(node: AnyStateNode): AnyStateNode[] {
  return childrenOf(node).filter(({ type }) => type !== "history");
}

/** The state and those it is in, from the inside out. */
export function lineOf(node: AnyStateNode): AnyStateNode[] {
  return node.parent ? [node, ...lineOf(node.parent)] : [node];
}

/** The event descriptors of a state that are patterns, the longest first: XState's order. */
export function wildcardsOf(node: AnyStateNode): string[] {
  return [...node.transitions.keys()].filter((key) => key === "*" || key.endsWith(".*"))
    .sort((a, b) => b.length - a.length);
}

/** The transitions of a state that an event may take, in the order in which they are asked. */
export function candidatesOf(
  node: AnyStateNode,
  wildcards: readonly string[],
  type: string,
): readonly AnyTransitionDefinition[] {
  const exact = node.transitions.get(type) ?? [];
  if (wildcards.length === 0) return exact;
  const matched = wildcards.filter((key) => key !== type && matchesDescriptor(type, key));
  return [...exact, ...matched.flatMap((key) => node.transitions.get(key) ?? [])];
}

/** Whether a descriptor (`a.b`, `a.*`, `*`) means an event type. */
export function matchesDescriptor(type: string, descriptor: string): boolean {
  if (descriptor === type || descriptor === "*") return true;
  return descriptor.endsWith(".*") && `${type}.`.startsWith(descriptor.slice(0, -1));
}

/** Whether a transition does nothing: `on: { X: {} }` forbids an event. */
export function isInert({ target, actions, reenter }: AnyTransitionDefinition): boolean {
  return !target && actions.length === 0 && !reenter;
}

/**
 * The active states that a stored value names, in document order. Nothing is filled in: a region that
 * is missing, or a state that has become compound, would otherwise be entered without its entry.
 *
 * @throws {ActorBlockedError} `unknown_state` or `illegal_configuration`, with the path.
 */
export function nodesOfValue(root: AnyStateNode, value: StateValueJson): AnyStateNode[] {
  const nodes: AnyStateNode[] = [];
  collect(root, value, "value", nodes);
  return nodes.sort((a, b) => a.order - b.order);
}

function collect(node: AnyStateNode, value: unknown, path: string, into: AnyStateNode[]): void {
  into.push(node);
  const inside = typeof value === "string" ? { [value]: {} } : value;
  if (!isRecord(inside)) throw illegal(path, "Neither a state's name nor states by name");
  const active = Object.keys(inside).map((key) => {
    const child = Object.hasOwn(node.states, key) ? node.states[key] : undefined;
    if (child && child.type !== "history") return child;
    throw new ActorBlockedError(
      "unknown_state",
      `${path}.${key}`,
      `There is no state "${node.id}.${key}"`,
    );
  });
  const { length } = active;
  const wanted = node.type === "compound"
    ? 1
    : node.type === "parallel"
    ? statesOf(node).length
    : 0;
  if (length !== wanted) {
    const states = `${length} active ${length === 1 ? "state" : "states"}`;
    throw illegal(path, `"${node.id}" is ${node.type} and has ${states} in it; ${wanted} wanted`);
  }
  for (const child of active) collect(child, inside[child.key], `${path}.${child.key}`, into);
}

function illegal(path: string, reason: string): ActorBlockedError {
  return new ActorBlockedError("illegal_configuration", path, reason);
}

/** What is wrong with a set of active states; undefined of a legal one. */
export function findIllegal(active: readonly AnyStateNode[]): string | undefined {
  const set = new Set(active);
  for (const node of active) {
    const inside = statesOf(node).filter((child) => set.has(child)).length;
    const wanted = node.type === "compound"
      ? 1
      : node.type === "parallel"
      ? statesOf(node).length
      : 0;
    if (inside !== wanted) return `"${node.id}" (${node.type}) has ${inside} active states in it`;
    if (node.parent && !set.has(node.parent)) return `"${node.id}" is active and its parent is not`;
  }
  return undefined;
}

/** The types of active states that the value does not show. */
export function hiddenTypes(
  active: readonly AnyStateNode[],
): Record<string, "final" | "parallel"> | undefined {
  const types: Record<string, "final" | "parallel"> = {};
  for (const node of active) {
    if (node.type === "final") types[node.id] = "final";
    if (node.type === "parallel" && statesOf(node).length === 1) types[node.id] = "parallel";
  }
  return Object.keys(types).length > 0 ? types : undefined;
}

/** The states that stored history names. @throws {ActorBlockedError} `unknown_state` */
export function nodesOfHistory(
  byId: ReadonlyMap<string, AnyStateNode>,
  history: Readonly<Record<string, readonly string[]>> = {},
): Record<string, AnyStateNode[]> {
  const find = (id: string, path: string): AnyStateNode => {
    const node = byId.get(id);
    if (node) return node;
    throw new ActorBlockedError("unknown_state", path, `There is no state "${id}"`);
  };
  const recalled: Record<string, AnyStateNode[]> = {};
  for (const [id, ids] of Object.entries(history)) {
    find(id, `history.${id}`);
    recalled[id] = ids.map((each, i) => find(each, `history.${id}.${i}`));
  }
  return recalled;
}

/** A transition by names: what a history row, or a picture, tells of it. */
export function describeTransition(transition: AnyTransitionDefinition): Taken {
  const { source, eventType, target, guard } = transition;
  const siblings = eventType === "" ? source.always : source.transitions.get(eventType);
  return {
    source: source.id,
    descriptor: eventType === "" ? null : String(eventType),
    index: siblings?.indexOf(transition) ?? -1,
    targets: (target ?? []).map((node) => node.id),
    guard: guard === undefined ? null : nameOf(guard),
  };
}

/** The name of an action or guard: of an inline function its own, or none. */
export function nameOf(piece: unknown): string {
  if (typeof piece === "string") return piece;
  const { type, name } = Object(piece);
  return String(type ?? (name || "(inline)"));
}
