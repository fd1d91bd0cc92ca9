/**
 * What is allowed, and still seldom meant: states nobody reaches, states without an end, states that
 * wait for ever, events that nobody handles.
 *
 * It reads the chart and runs nothing; guards are taken to say yes. A state with the tag `terminal`
 * counts as an end, like a final one. A chart with `meta: { endless: true }` at its top is meant to have none.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";
import { type Steppable, subjectOf } from "./definition.ts";
import * as nodes from "./nodes.ts";
import { builtInOf, namedPiece, piecesOf } from "./pieces.ts";
import { isMachine, sourcesOf } from "./sources.ts";

/** One finding. `path` is a state's id, or where a piece stands. */
export interface Finding {
  readonly code: "unreachable" | "no_end" | "waits_for_ever" | "never_handled" | "not_implemented";
  readonly path: string;
  readonly message: string;
}

/** Every finding of a machine and its child machines. */
export function lintMachine(machine: Steppable): Finding[] {
  const subject = subjectOf(machine);
  if (subject.kind !== "machine") return [];
  return [
    ...lint(subject.machine, new Set()),
    ...schemaFindings(subject.machine, subject.schemas.events),
  ];
}

function* lint(machine: AnyStateMachine, seen: Set<unknown>): Generator<Finding> {
  if (seen.has(machine)) return;
  seen.add(machine);
  const all = nodes.nodesBelow(machine.root).filter(({ type }) => type !== "history");
  const reached = reachedFrom(entered(machine.root));
  for (const node of all) {
    if (!reached.has(node)) {
      yield { code: "unreachable", path: node.id, message: `Nothing leads to "${node.id}"` };
    }
  }
  yield* endFindings(machine, all.filter((node) => reached.has(node)));
  yield* eventFindings(machine);
  for (const { logic } of sourcesOf(machine).values()) {
    if (isMachine(logic)) yield* lint(logic, seen);
  }
}

// --- where one can get ----------------------------------------------------------------------------

/** The states that are active after one is entered. */
function entered(node: AnyStateNode): AnyStateNode[] {
  if (node.type === "history") {
    const { target } = node.config;
    const targets: unknown[] = Array.isArray(target)
      ? target
      : target === undefined
      ? []
      : [target];
    // What it recalls has been reached before; its default may be reached by it alone.
    const found = targets.flatMap((each) => namedNear(node, String(each)));
    return found.length > 0 ? found.flatMap(entered) : node.parent ? entered(node.parent) : [];
  }
  const inside = node.type === "parallel"
    ? nodes.statesOf(node)
    : node.type === "compound"
    ? node.initial.target
    : [];
  return [node, ...inside.flatMap(entered)];
}

function namedNear(history: AnyStateNode, target: string): AnyStateNode[] {
  const near = history.parent?.states[target.replace(/^\./, "")];
  if (near) return [near];
  const id = target.replace(/^#/, "");
  return nodes.nodesBelow(history.machine.root).filter((node) => node.id === id);
}

function reachedFrom(start: readonly AnyStateNode[]): Set<AnyStateNode> {
  const reached = new Set<AnyStateNode>();
  const waiting = start.flatMap(nodes.lineOf);
  for (let node; (node = waiting.pop());) {
    if (reached.has(node)) continue;
    reached.add(node);
    for (const { target } of leaving(node)) {
      for (const each of target ?? []) waiting.push(...entered(each).flatMap(nodes.lineOf));
    }
  }
  return reached;
}

/** Every transition that a state may take by itself. */
function leaving(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...node.transitions.values()].flat().concat(node.always ?? []);
}

// --- ends -----------------------------------------------------------------------------------------

function isEnd(node: AnyStateNode): boolean {
  return node.tags.includes("terminal") ||
    node.type === "final" && node.parent !== undefined && node.parent.parent === undefined;
}

function* endFindings(
  machine: AnyStateMachine,
  reached: readonly AnyStateNode[],
): Generator<Finding> {
  const leaves = reached.filter(({ type }) => type === "atomic");
  for (const node of leaves) {
    if (isEnd(node) || !isStuck(node)) continue;
    const message = `"${node.id}" waits for ever: it has no event, no delay and no child`;
    yield { code: "waits_for_ever", path: node.id, message };
  }
  // A parallel machine ends when all its regions do, which no single state shows.
  if (machine.root.type === "parallel" || Object(machine.root.meta).endless === true) return;
  const hasEnd = reached.some(isEnd);
  if (!hasEnd) {
    const message = "No way to an end: no final state at the top, none tagged terminal";
    yield { code: "no_end", path: machine.root.id, message };
    return;
  }
  for (const node of leaves) {
    if (isEnd(node) || isStuck(node)) continue;
    const ways = reachedFrom([node]);
    if (![...ways].some(isEnd)) {
      yield { code: "no_end", path: node.id, message: `From "${node.id}" no end can be reached` };
    }
  }
}

/** Nothing that could happen changes anything: not here, nor in a state around it. */
function isStuck(node: AnyStateNode): boolean {
  const isAlone = (each: AnyStateNode) =>
    leaving(each).every(nodes.isInert) && each.invoke.length === 0;
  return nodes.lineOf(node).every(isAlone);
}

// --- events ---------------------------------------------------------------------------------------

function* eventFindings(machine: AnyStateMachine): Generator<Finding> {
  const { actions = {} } = machine.implementations;
  for (const { kind, path, value } of piecesOf(machine)) {
    if (kind !== "action") continue;
    const builtIn = builtInOf(value);
    // What is sent may be for somebody else; what is raised is for itself.
    if (builtIn?.type === "xstate.raise" && builtIn.event !== undefined) {
      if (!isHandled(machine, builtIn.event)) {
        const message = `"${builtIn.event}" is raised here, and no state handles it`;
        yield { code: "never_handled", path, message };
      }
    }
    const name = namedPiece(value);
    if (name !== undefined && !Object.hasOwn(actions, name)) {
      const message = `The action "${name}" has no function in setup({ actions })`;
      yield { code: "not_implemented", path, message };
    }
  }
}

/** The events of a schema that no state handles: literals of `type`, in a union or alone. */
function* schemaFindings(machine: AnyStateMachine, schema: unknown): Generator<Finding> {
  for (const type of typesIn(schema, 0)) {
    if (isHandled(machine, type)) continue;
    const message = `"${type}" is in the schema of events, and no state handles it`;
    yield { code: "never_handled", path: `events.${type}`, message };
  }
}

function typesIn(schema: unknown, depth: number): string[] {
  if (typeof schema === "string") return [schema];
  const { options, shape, values, value } = Object(schema);
  if (depth > 4) return [];
  if (Array.isArray(options)) return options.flatMap((each) => typesIn(each, depth + 1));
  if (shape !== undefined) return typesIn(Object(shape).type, depth + 1);
  const literals: unknown[] = values instanceof Set ? [...values] : [value];
  return literals.filter((each) => typeof each === "string");
}

function isHandled(machine: AnyStateMachine, type: string): boolean {
  return nodes.nodesBelow(machine.root).some((node) =>
    nodes.candidatesOf(node, nodes.wildcardsOf(node), type).length > 0
  );
}
