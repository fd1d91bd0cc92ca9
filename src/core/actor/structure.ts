/** What a chart is made of, as plain data, and one short text that changes when any of it does. */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from "xstate";
import { hash64 } from "../hash.ts";
import { childrenOf, nameOf } from "./nodes.ts";

/** One transition, by names. */
export interface TransitionStructure {
  /** Event descriptor; empty of an eventless one. */
  readonly on: string;
  readonly to: readonly string[];
  readonly guard: string | null;
  readonly actions: readonly string[];
  readonly reenter: boolean;
}

/** One state and those in it. */
export interface StateStructure {
  readonly id: string;
  readonly type: string;
  readonly history: string | null;
  readonly initial: readonly string[];
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invoke: readonly { readonly id: string; readonly src: string }[];
  readonly transitions: readonly TransitionStructure[];
  readonly states: readonly StateStructure[];
}

/** The structure of a machine. Functions count by the names the chart gives them, not by their code. */
export function structureOf(machine: AnyStateMachine): StateStructure {
  return stateStructure(machine.root);
}

/** Of a reducer, which has no structure. */
export const NO_HASH = "0".repeat(16);

const hashes = new WeakMap<AnyStateMachine, string>();

/**
 * Sixteen hexadecimal digits over states, types, initial and history states, invokes, event
 * descriptors, delays, targets, and the names of guards and actions. What the functions do is not in
 * it: that is for the author's version to tell.
 */
export function structuralHash(machine: AnyStateMachine): string {
  let hash = hashes.get(machine);
  if (hash === undefined) {
    const number = BigInt.asUintN(64, BigInt(hash64(JSON.stringify(structureOf(machine)))));
    hashes.set(machine, hash = number.toString(16).padStart(16, "0"));
  }
  return hash;
}

function stateStructure(node: AnyStateNode): StateStructure {
  const always = node.always ?? [];
  return {
    id: node.id,
    type: node.type,
    history: node.history === false ? null : node.history,
    initial: node.type === "compound" ? node.initial.target.map(({ id }) => id) : [],
    entry: node.entry.map(pieceName),
    exit: node.exit.map(pieceName),
    invoke: node.invoke.map(({ id, src }) => ({ id, src: String(src) })),
    transitions: [...[...node.transitions.values()].flat(), ...always].map(transitionStructure),
    states: childrenOf(node).map(stateStructure),
  };
}

function transitionStructure(transition: AnyTransitionDefinition): TransitionStructure {
  const { eventType, target, guard, actions, reenter } = transition;
  return {
    on: String(eventType),
    to: (target ?? []).map(({ id }) => id),
    guard: guard === undefined ? null : pieceName(guard),
    actions: actions.map(pieceName),
    reenter,
  };
}

/** A bundler renames functions: an inline one has no name that lasts. */
function pieceName(piece: unknown): string {
  const isOwn = typeof piece === "function" && !("type" in piece);
  return isOwn ? "(inline)" : nameOf(piece);
}
