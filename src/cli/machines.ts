/** `machines lint`: what is wrong with the machines that modules export, or looks as if it were. */
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  checkMachine,
  isMachine,
  lintMachine,
  type MachineDefinition,
  MachineDefinitionError,
} from "../core/actor/mod.ts";
import { InvalidInputError, type Issue, NotFoundError } from "../core/errors.ts";
import type { MachineEntry } from "../runtime/machines.ts";
import { type OutputOptions, print, printJson } from "./output.ts";

/** One line of the report. */
interface Line {
  readonly file: string;
  readonly machine: string;
  readonly code: string;
  readonly path: string;
  readonly message: string;
}

/**
 * Checks every machine and definition that the modules export.
 *
 * @param files Modules; none means all of `machines/` here.
 * @throws {InvalidInputError} If there is anything to say, after having said it.
 */
export async function lintMachines(
  files: readonly string[],
  options: OutputOptions,
): Promise<void> {
  const chosen = files.length > 0 ? files : await modulesHere();
  const lines: Line[] = [];
  let count = 0;
  for (const file of chosen) {
    const machines = await machinesOf(file);
    count += machines.length;
    lines.push(...machines.flatMap((machine) => linesOf(file, machine)));
  }
  if (options.json) await printJson({ machines: count, findings: lines });
  else {
    for (const line of lines) await print(textOf(line));
    await print(`${plural(count, "machine")}, ${plural(lines.length, "finding")}`);
  }
  const issues = lines.map(({ machine, path, message }): Issue => ({
    path: `${machine}.${path}`,
    message,
  }));
  if (issues.length > 0) throw new InvalidInputError(issues);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

type Exported = Parameters<typeof lintMachine>[0];

function linesOf(file: string, exported: Exported): Line[] {
  const machine = isMachine(exported) ? exported : Object(exported).machine;
  const found = [
    ...checkMachine(machine).map((problem) => ({ code: "not_durable", ...problem })),
    ...lintMachine(exported),
  ];
  return found.map(({ code, path, message }) => ({
    file,
    machine: machine.id,
    code,
    path,
    message,
  }));
}

function textOf({ file, machine, code, path, message }: Line): string {
  return `${file} ${machine} ${code} ${path}: ${message}`;
}

async function modulesHere(): Promise<string[]> {
  const files: string[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir("machines")) {
      if (isFile && /\.[jt]s$/.test(name)) files.push(join("machines", name));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError("folder", "machines");
  }
  return files.sort();
}

async function machinesOf(file: string): Promise<Exported[]> {
  const exported = await exportsOf(file);
  return exported.filter((value): value is Exported => isMachine(value) || isDefinition(value));
}

/** What a module exports, each value once. @throws {NotFoundError | InvalidInputError} */
export async function exportsOf(file: string): Promise<unknown[]> {
  const path = isAbsolute(file) ? file : join(Deno.cwd(), file);
  const loaded = await load(file, pathToFileURL(path).href);
  return [...new Set(Object.values(loaded))];
}

/** A definition is refused as the module runs: its problems are what we are here for. */
async function load(file: string, url: string): Promise<object> {
  try {
    return await import(url);
  } catch (error) {
    if (error instanceof MachineDefinitionError) throw new InvalidInputError(error.problems);
    if (error instanceof TypeError && error.message.startsWith("Module not found")) {
      throw new NotFoundError("module", file);
    }
    throw error;
  }
}

/** Whether it is what `Machines` takes. */
export function isEntry(value: unknown): value is MachineDefinition | MachineEntry {
  if (isDefinition(value)) return true;
  return typeof value === "object" && value !== null && "definition" in value &&
    isDefinition(value.definition);
}

/** Whether it is what `defineMachine` gives. */
export function isDefinition(value: unknown): value is MachineDefinition {
  return typeof value === "object" && value !== null && "identity" in value &&
    "machine" in value && isMachine(value.machine);
}
