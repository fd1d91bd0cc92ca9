/** The machines of this program, by name and version; and the machines of their children. */
import type { AnyActorLogic } from "xstate";
import {
  childAddress,
  idOf,
  type MachineDefinition,
  type Migration,
  type Steppable,
} from "../core/actor/mod.ts";
import { versionsBefore } from "../core/actor/migrate.ts";
import { type Source, sourcesOf } from "../core/actor/sources.ts";
import { isOwn, ownMachines } from "./own_machines.ts";
import { pinOf, takenOver, type Taker, Versions } from "./pins.ts";

/** A machine, and how it takes over the actors of earlier versions. */
export interface MachineEntry {
  readonly definition: MachineDefinition;
  /** From earlier versions to this one. */
  readonly migrations?: readonly Migration[];
  /** Take actors of other versions over where the chart allows it. Default: they keep theirs. */
  readonly adopts?: boolean;
}

/** What steps an actor: a machine with its definition, or the reducer of a child. */
export interface Logic {
  readonly subject: Steppable;
  /** Null of a reducer. */
  readonly definition: MachineDefinition | null;
}

/** Whether actors of other versions come over. */
export function isTaker({ migrations = [], adopts = false }: Partial<MachineEntry>): boolean {
  return adopts || migrations.length > 0;
}

/** Where an actor belongs. */
export interface Whereabouts {
  readonly machine: string;
  readonly rootMachine: string;
  readonly machineVersion: string;
}

/** One source of work, and who has it. */
export interface ActivitySource {
  readonly definition: MachineDefinition;
  readonly src: string;
  readonly source: Source;
}

/** Depth of machines in machines that is looked through for work: deeper ones call themselves. */
const DEPTH_MAX = 8;

/** The machines of this program. The last one of a name is what new actors get. */
export class Machines {
  readonly #byName = new Map<string, MachineEntry[]>();
  readonly #own = new Map(ownMachines.map((definition) => [definition.name, { definition }]));
  readonly #logics = new Map<string, Logic | null>();

  constructor(machines: readonly (MachineDefinition | MachineEntry)[]) {
    for (const given of machines) {
      const entry = "definition" in given ? given : { definition: given };
      const { name, version } = entry.definition;
      if (isOwn(name)) throw new Error(`The name "${name}" is kept for machines of Perdura's own`);
      const known = this.#byName.get(name) ?? [];
      if (known.some(({ definition }) => definition.version === version)) {
        throw new Error(`Two machines "${name}" of version "${version}"`);
      }
      this.#byName.set(name, [...known, entry]);
    }
  }

  /** The names, as they were registered. */
  get names(): string[] {
    return [...this.#byName.keys()];
  }

  /** The same, and those of Perdura's own. */
  get served(): string[] {
    return [...this.#own.keys(), ...this.names];
  }

  /** All of them as `name@version`. */
  get versions(): string[] {
    return [...this.#own.values(), ...this.entries]
      .map(({ definition: { name, version } }) => `${name}@${version}`);
  }

  /** The charts whose work is done here, those of children too; `order@*`: of versions that are not here. */
  get charts(): string[] {
    const pins = this.definitions().map(pinOf).filter((pin) => pin !== null);
    return [...pins, ...this.#takers().flatMap(takenOver)];
  }

  /** All versions of all machines. */
  get entries(): MachineEntry[] {
    return [...this.#byName.values()].flat();
  }

  /** What new actors of a name get. */
  latest(name: string): MachineEntry | undefined {
    return this.#byName.get(name)?.at(-1);
  }

  /** The very version of a name. */
  version(name: string, version: string): MachineEntry | undefined {
    const entries = isOwn(name) ? [...this.#own.values()] : this.#byName.get(name);
    return entries?.find(({ definition }) =>
      definition.name === name && definition.version === version
    );
  }

  /** What steps an actor; undefined: its version is not here. */
  logicOf({ machine, rootMachine, machineVersion }: Whereabouts): Logic | undefined {
    const key = `${machineVersion}\n${rootMachine}\n${machine}`;
    let logic = this.#logics.get(key);
    if (logic === undefined) {
      const root = this.version(rootMachine, machineVersion)?.definition;
      logic = root ? walk(root, machine) : null;
      this.#logics.set(key, logic);
    }
    return logic ?? undefined;
  }

  /** All work that activities of these machines may be. */
  activities(): ActivitySource[] {
    return this.entries.flatMap(({ definition }) => [...activitiesBelow(definition, 0)]);
  }

  /** All machines, those of children too. */
  definitions(): MachineDefinition[] {
    return this.entries.flatMap(({ definition }) => [...definitionsBelow(definition, 0)]);
  }

  /** The versions of a machine, which may be a child's. */
  versionsOf(machine: string): Versions {
    const isIt = ({ name }: MachineDefinition) => name === machine;
    const taker = this.#takers().find(({ definition }) => isIt(definition));
    return new Versions(machine, this.definitions().filter(isIt), taker);
  }

  /** The newest of each name takes over, if any; a child as it is, a root that has migrations by those. */
  #takers(): Taker[] {
    const newest = [...this.#byName.values()].flatMap((entries) => entries.slice(-1));
    return newest.filter(isTaker).flatMap(({ definition: root, migrations = [] }) => {
      const before = versionsBefore(root.version, migrations)
        .filter((version) => this.version(root.name, version) === undefined);
      return [...definitionsBelow(root, 0)].map((definition) => {
        return { definition, from: definition === root && migrations.length > 0 ? before : null };
      });
    });
  }
}

/** Follows `root/child/…` down. */
function walk(root: MachineDefinition, name: string): Logic | null {
  let here: MachineDefinition = root;
  let path = root.name;
  while (path !== name) {
    const [next = ""] = name.slice(path.length + 1).split("/");
    path = `${path}/${next}`;
    const src = idOf(path, here.name);
    const child = here.child(src);
    if (!child) {
      const source = sourcesOf(here.machine).get(src);
      const isReducer = source?.kind === "transition" && path === name;
      return isReducer ? { subject: source.logic, definition: null } : null;
    }
    here = child;
  }
  return { subject: here, definition: here };
}

function* definitionsBelow(
  definition: MachineDefinition,
  depth: number,
): Generator<MachineDefinition> {
  yield definition;
  if (depth === DEPTH_MAX) return;
  for (const [src, { kind }] of sourcesOf(definition.machine)) {
    const child = kind === "machine" ? definition.child(src) : undefined;
    if (child) yield* definitionsBelow(child, depth + 1);
  }
}

function* activitiesBelow(
  definition: MachineDefinition,
  depth: number,
): Generator<ActivitySource> {
  for (const each of definitionsBelow(definition, depth)) {
    for (const [src, source] of sourcesOf(each.machine)) {
      if (source.kind === "activity") yield { definition: each, src, source };
    }
  }
}

/** The type of an activity's jobs. */
export function activityType(machine: string, src: string): string {
  return childAddress(machine, src);
}

/** The type of the jobs of outbox actions. */
export function actionType(machine: string): string {
  return `${machine}:actions`;
}

/** The logic of a source. */
export function logicOfSource({ logic }: Source): AnyActorLogic {
  return logic;
}
