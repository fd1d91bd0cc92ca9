/**
 * Whose work a job of an actor is: it goes to the chart that its actor is pinned to, as the turns do.
 *
 * The partition of such a job names that chart, so a worker with another one of the same name does not
 * even look into its lane. Jobs without one, and those that somebody has put into a partition of
 * their own, are looked at when they run.
 */
import type { MachineDefinition } from "../core/actor/mod.ts";
import type { MachineIdentity } from "../core/actor/envelope.ts";
import { nameSchema } from "../core/forms.ts";

const known = new WeakMap<object, string | null>();

/** The partition of what a chart asks for: `order@2:8c7d12ab34cd56ef`; null: its names are too long, or none. */
export function pinOf(chart: MachineIdentity): string | null {
  let pin = known.get(chart);
  if (pin === undefined) {
    const { name, version, hash } = chart;
    pin = nameSchema.safeParse(`${name}@${version}:${hash}`).data ?? null;
    known.set(chart, pin);
  }
  return pin;
}

/** What takes over the actors of versions that a program does not have. */
export interface Taker {
  readonly definition: MachineDefinition;
  /** Only of these; null: of any. */
  readonly from: readonly string[] | null;
}

/** What a worker says of a taker, beside its pins: `order@*`, or `order@1:*` and so on. */
export function takenOver({ definition: { name }, from }: Taker): string[] {
  return from === null ? [`${name}@*`] : from.map((version) => `${name}@${version}:*`);
}

/** Name and version of a pin. */
function versionIn(pin: string): string {
  return pin.slice(0, pin.lastIndexOf(":"));
}

/** The versions of one machine that a program has. */
export class Versions {
  readonly #machine: string;
  readonly #here: readonly MachineDefinition[];
  readonly #taker: Taker | undefined;

  constructor(machine: string, here: readonly MachineDefinition[], taker: Taker | undefined) {
    this.#machine = machine;
    this.#here = here;
    this.#taker = taker;
  }

  /** Does what an actor of this version has asked for; undefined: nobody here. No hash: a job from before. */
  at(version: string, hash?: string): MachineDefinition | undefined {
    const same = this.#here.filter((each) => each.version === version);
    if (same.length > 0) return same.find((each) => hash === undefined || each.hash === hash);
    const taker = this.#taker;
    return taker?.from?.includes(version) === false ? undefined : taker?.definition;
  }

  /** The same by a partition; null: it names no chart of this machine. */
  in(partition: string | null): MachineDefinition | undefined | null {
    if (partition === null || !isPinOf(this.#machine, partition)) return null;
    const version = versionIn(partition).slice(this.#machine.length + 1);
    return this.at(version, partition.slice(partition.lastIndexOf(":") + 1));
  }
}

/** Not each that begins so: an operator may have put a job into a partition of their own. */
function isPinOf(machine: string, partition: string): boolean {
  return partition.startsWith(`${machine}@`) && /:[0-9a-f]{16}$/.test(partition);
}

/**
 * Whether a worker that says it has these charts may run a job of this type and partition.
 *
 * @param charts Null: it is of a program that says nothing of them, and takes all.
 */
export function mayRun(
  charts: readonly string[] | null,
  { type, partitionKey }: { readonly type: string; readonly partitionKey: string | null },
): boolean {
  const machine = type.replace(/(\/[^/]*|:actions|:compensation)$/, "");
  if (charts === null || partitionKey === null || !isPinOf(machine, partitionKey)) return true;
  if (charts.includes(partitionKey)) return true;
  const other = charts.find((chart) => versionIn(chart) === versionIn(partitionKey));
  return other === undefined ? charts.includes(`${machine}@*`) : other.endsWith(":*");
}
