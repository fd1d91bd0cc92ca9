/** The machines whose charts are shown: those of jobs and of breakers, the registered ones, and those of their children. */
import type { AnyStateMachine } from "xstate";
import { breakerMachine } from "../../machines/breaker.ts";
import { jobMachine } from "../../machines/job.ts";
import type { Machines } from "../runtime/machines.ts";

/** One version of a machine; those of jobs and breakers have none. */
export interface BookEntry {
  readonly name: string;
  readonly version: string | null;
  readonly machine: AnyStateMachine;
}

/** All of them. */
export class MachineBook {
  readonly #entries: readonly BookEntry[];

  constructor(machines: Machines) {
    const registered = machines.definitions().map(({ name, version, machine }) => ({
      name,
      version,
      machine,
    }));
    this.#entries = [
      { name: "job", version: null, machine: jobMachine },
      { name: "breaker", version: null, machine: breakerMachine },
      ...registered,
    ];
  }

  /** The latest of each name. */
  get latest(): BookEntry[] {
    const names = new Set(this.#entries.map(({ name }) => name));
    return [...names].flatMap((name) => this.find(name, null) ?? []);
  }

  /** A version, or, where it is null, the latest. */
  find(name: string, version: string | null): BookEntry | undefined {
    return this.#entries.findLast((each) =>
      each.name === name && (version === null || each.version === version)
    );
  }

  /** As they were registered, the latest last. */
  versions(name: string): string[] {
    const found = this.#entries.filter((each) => each.name === name);
    return [...new Set(found.flatMap(({ version }) => version ?? []))];
  }
}
