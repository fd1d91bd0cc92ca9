/** A machine as plain data: for pages, for the deploy check, for whoever stores definitions. */
import type { AnyStateNode } from "xstate";
import type { LogicKind } from "./sources.ts";
import { type Steppable, subjectOf } from "./definition.ts";
import * as nodes from "./nodes.ts";
import { builtInOf, namedPiece, piecesOf } from "./pieces.ts";
import { sourcesOf } from "./sources.ts";
import { type StateStructure, structureOf } from "./structure.ts";

/** One state, in document order. */
export interface StateDescription {
  readonly id: string;
  readonly path: readonly string[];
  readonly type: string;
  readonly tags: readonly string[];
  readonly description: string | null;
  /** The events it handles itself. */
  readonly events: readonly string[];
}

/** What a machine is made of. */
export interface MachineDescription {
  readonly name: string;
  readonly version: string;
  readonly hash: string;
  readonly states: readonly StateDescription[];
  /** Event types and patterns from outside. */
  readonly events: readonly string[];
  /** Names of delays, and milliseconds as text. */
  readonly delays: readonly string[];
  readonly sources: readonly { readonly src: string; readonly kind: LogicKind }[];
  /** Names of custom actions and of guards. */
  readonly actions: readonly string[];
  readonly guards: readonly string[];
  readonly structure: StateStructure;
}

/** Describes a machine. @throws {TypeError} If it is a reducer. */
export function describeMachine(machine: Steppable): MachineDescription {
  const subject = subjectOf(machine);
  if (subject.kind !== "machine") throw new TypeError("A reducer has no chart to describe");
  const { machine: { root }, identity } = subject;
  const all = nodes.nodesBelow(root);
  const pieces = piecesOf(subject.machine);
  const namesOf = (kind: string) => [
    ...new Set(pieces.flatMap((piece) => {
      const name = piece.kind === kind ? namedPiece(piece.value) : undefined;
      return name === undefined ? [] : [name];
    })),
  ];
  const after = all.flatMap(({ config }) => Object.keys(config.after ?? {}));
  const named = pieces.flatMap(({ value }) => builtInOf(value)?.delay ?? []);
  return {
    ...identity,
    states: all.map(describeState),
    events: [...new Set(all.flatMap((node) => [...node.transitions.keys()]))].filter(isOutside),
    delays: [...new Set([...after, ...named])],
    sources: [...sourcesOf(subject.machine)].map(([src, { kind }]) => ({ src, kind })),
    actions: namesOf("action"),
    guards: namesOf("guard"),
    structure: structureOf(subject.machine),
  };
}

function describeState(node: AnyStateNode): StateDescription {
  const { id, path, type, tags, description = null, transitions } = node;
  return { id, path, type, tags, description, events: [...transitions.keys()].filter(isOutside) };
}

function isOutside(descriptor: string): boolean {
  return !descriptor.startsWith("xstate.");
}
