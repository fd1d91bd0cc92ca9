/**
 * Moves for which XState need not be asked: from a leaf state to one beside it, with nothing on the way
 * but children that are stopped and started.
 *
 * Most steps of a workflow are of this kind, and XState's general algorithm is most of what they cost.
 * What it would find out every time anew is found out once for each configuration here; whatever else a
 * transition may have (a guard, an action, a timer, an `always`, a region beside it) is left to XState.
 */
import type { AnyStateNode, AnyTransitionDefinition } from "xstate";
import { childAddress } from "../address.ts";
import type { ChildRef, LiveEvent, Position, Ref, Request, Scene } from "../engine.ts";
import type { StateValueJson } from "../envelope.ts";
import * as nodes from "../nodes.ts";
import type { Chart, Snapshot } from "./chart.ts";
import { requestOf } from "./requests.ts";
import type { System } from "./system.ts";

/** A child that the state moved to starts. */
interface Start {
  readonly id: string;
  readonly src: string;
  readonly input: unknown;
  readonly sync: boolean;
  /** The state that invokes it. */
  readonly state: string;
}

/** One of them. */
export interface Move {
  readonly transition: AnyTransitionDefinition;
  /** Ids of the children that the state moved from has. */
  readonly stops: readonly string[];
  readonly starts: readonly Start[];
  readonly status: "active" | "done";
  readonly value: StateValueJson;
  readonly types: Position["types"];
}

const NONE: ReadonlyMap<string, Move> = new Map();
const known = new WeakMap<Snapshot, ReadonlyMap<string, Move>>();

/** The move that an event makes in a configuration of the chart; undefined: XState is to be asked. */
export function moveOf(
  chart: Chart,
  configuration: Snapshot,
  type: string,
  { children }: Pick<Scene, "children">,
): Move | undefined {
  let moves = known.get(configuration);
  if (!moves) known.set(configuration, moves = movesFrom(chart, configuration));
  const move = moves.get(type);
  // Other children end with the actor: that is for XState to see to.
  const mayEnd = move?.status !== "done" || children.every(({ id }) => move.stops.includes(id));
  return mayEnd ? move : undefined;
}

/**
 * Makes it. @throws What the author's functions throw.
 *
 * @param systemOf Made for functions that ask for `self`, and for no others: most do not.
 */
export function makeMove(
  { stops, starts, status, value, types }: Move,
  scene: Scene,
  systemOf: () => System,
  context: unknown,
  event: LiveEvent,
): { readonly position: Position; readonly requests: readonly Request[] } {
  const requests: Request[] = [];
  for (const id of stops) {
    const child = scene.children.find((each) => each.id === id);
    // To stop nobody is to do nothing, as in XState.
    if (child) requests.push({ kind: "stop", ref: refTo(scene, child) });
  }
  let system: System | undefined;
  const open = () => system ??= afterStops(systemOf(), stops);
  for (const { id, src, input, sync, state } of starts) {
    const about = {
      context,
      event,
      get self() {
        return open().self;
      },
    };
    const given = typeof input === "function" ? input(about) : input;
    // What it has sent comes first.
    if (system) drain(system, requests);
    const gen = ++scene.gens.child;
    const child = { id, gen, src, systemId: undefined, sync, ended: false };
    requests.push({ kind: "spawn", ref: refTo(scene, child), input: given, state });
  }
  const position = { status, value, types, context, output: undefined, error: undefined };
  return { position, requests };
}

function refTo({ address }: Scene, child: ChildRef): Ref {
  return { address: childAddress(address, child.id), gen: child.gen, child };
}

/** The system as the functions of the state moved to find it. */
function afterStops(system: System, stops: readonly string[]): System {
  for (const id of stops) {
    const ref = system.children[id];
    if (ref) system.capture({ type: "xstate.stopChild", params: ref });
  }
  system.captured.length = 0;
  return system;
}

function drain({ captured, self }: System, requests: Request[]): void {
  for (const action of captured.splice(0)) {
    const request = requestOf(action, self, () => false);
    if (request) requests.push(request);
  }
}

function movesFrom(chart: Chart, { _nodes }: Snapshot): ReadonlyMap<string, Move> {
  const leaf = _nodes.find(({ type }) => type === "atomic");
  const isLine = _nodes.every((node) => node === leaf || node.type === "compound");
  if (!leaf || !isLine || leaf.exit.length > 0) return NONE;
  const moves = new Map<string, Move>();
  for (const [type, [first]] of leaf.transitions) {
    const move = first && moveBy(chart, leaf, first);
    // A pattern is asked only after the type itself.
    if (move && type !== "*" && !type.endsWith(".*")) moves.set(type, move);
  }
  return moves;
}

function moveBy(
  { machine }: Chart,
  leaf: AnyStateNode,
  transition: AnyTransitionDefinition,
): Move | undefined {
  const { target, actions, guard, reenter } = transition;
  const [next] = target ?? [];
  if (!next || target?.length !== 1 || actions.length > 0 || guard !== undefined || reenter) return;
  if (next === leaf || next.parent !== leaf.parent || next.entry.length > 0) return;
  const line = nodes.lineOf(next);
  if (line.some(({ always }) => always && always.length > 0)) return;
  const starts = startsOf(next, line, machine.implementations.actors);
  if (!starts || !(next.type === "atomic" || isEnd(next))) return;
  return {
    transition,
    stops: leaf.invoke.map(({ id }) => id),
    starts,
    status: next.type === "final" ? "done" : "active",
    value: valueOf(line),
    types: nodes.hiddenTypes(line),
  };
}

/** The end of the whole machine, with no output, and nothing to be done on the way out. */
function isEnd(node: AnyStateNode): boolean {
  const { type, parent, output, invoke, exit } = node;
  return type === "final" && parent?.parent === undefined && parent?.type === "compound" &&
    parent.output === undefined && parent.exit.length === 0 && output === undefined &&
    invoke.length === 0 && exit.length === 0;
}

/** Undefined: one of them is not plain. */
function startsOf(
  node: AnyStateNode,
  line: readonly AnyStateNode[],
  known: object,
): readonly Start[] | undefined {
  const starts: Start[] = [];
  for (const { id, src, input, systemId, onSnapshot } of node.invoke) {
    const isPlain = typeof id === "string" && typeof src === "string" && systemId === undefined &&
      Object.hasOwn(known, src);
    const same = line.flatMap(({ invoke }) => invoke).filter((each) => each.id === id);
    if (!isPlain || same.length > 1) return undefined;
    starts.push({ id, src, input, sync: Boolean(onSnapshot), state: node.id });
  }
  return starts;
}

/** XState's value of a line of states, from the inside out. */
function valueOf([leaf, ...around]: readonly AnyStateNode[]): StateValueJson {
  // The root has no name in it.
  return around.slice(0, -1).reduce<StateValueJson>(
    (inner, { key }) => ({ [key]: inner }),
    leaf?.key ?? "",
  );
}
