/** Modules of the user's own: their handlers and machines are this program's, beside the samples. */
import type { MachineDefinition } from "../core/actor/mod.ts";
import { PerduraError } from "../core/errors.ts";
import { type Handler, indexHandlers } from "../runtime/handlers.ts";
import { type MachineEntry, Machines } from "../runtime/machines.ts";
import { SettingsError } from "./errors.ts";
import { exportsOf, isEntry } from "./machines.ts";
import type { OwnModules } from "./settings.ts";

/** No modules. */
export const NONE: OwnModules = { handlers: [], machines: [] };

/**
 * Loads them.
 *
 * @param files Paths, from the working directory.
 * @throws {SettingsError} One that is not there, does not run, or exports neither; two of one name.
 */
export async function loadModules(files: readonly string[]): Promise<OwnModules> {
  const handlers = new Set<Handler>();
  const machines = new Set<MachineDefinition | MachineEntry>();
  for (const file of files) {
    const exported = (await load(file)).flat();
    exported.filter(isHandler).forEach((each) => handlers.add(each));
    exported.filter(isEntry).forEach((each) => machines.add(each));
    if (exported.some((each) => isHandler(each) || isEntry(each))) continue;
    throw new SettingsError(
      `PERDURA_MODULES: ${file} exports nothing that defineHandler or defineMachine has made`,
    );
  }
  const own = { handlers: [...handlers], machines: [...machines] };
  demandNames(own);
  return own;
}

/** The name of a machine. */
export function nameOf(machine: MachineDefinition | MachineEntry): string {
  return "definition" in machine ? machine.definition.name : machine.name;
}

async function load(file: string): Promise<unknown[]> {
  try {
    return await exportsOf(file);
  } catch (error) {
    throw new SettingsError(`PERDURA_MODULES: ${file}: ${saidOf(error)}`, { cause: error });
  }
}

function demandNames({ handlers, machines }: OwnModules): void {
  try {
    indexHandlers(handlers);
    new Machines(machines);
  } catch (error) {
    throw new SettingsError(`PERDURA_MODULES: ${saidOf(error)}`, { cause: error });
  }
}

/** It is somebody else's program: whatever it throws is its mistake, in one line, with where it was. */
function saidOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.message.replaceAll(/\s*\n\s*/g, " ");
  const [at = ""] = /\n\s+(at .*)/.exec(error.stack ?? "")?.slice(1) ?? [];
  return error instanceof PerduraError || at === "" ? text : `${text} (${at})`;
}

function isHandler(value: unknown): value is Handler {
  return typeof value === "object" && value !== null && "type" in value && "run" in value &&
    typeof value.type === "string" && typeof value.run === "function" && "retry" in value;
}
